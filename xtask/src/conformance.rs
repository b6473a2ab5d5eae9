//! `cargo xtask conformance`: the suite of `kits/conformance` against a provider. That of AWS starts its counterpart (`../shared/oracles/aws`)
//! where the environment names no endpoint and no credentials.

use crate::process::{build, cargo, run};

const USAGE: &str = "usage: cargo xtask conformance [--provider NAME] [node|python] [PART OF A CASE'S NAME]";

/// Plays all cases, or those that the arguments name.
pub(crate) fn conformance(args: &[String]) -> Result<(), String> {
    let mut words = args.iter().map(String::as_str);
    let (mut provider, mut language, mut only) = (None, None, None);
    while let Some(word) = words.next() {
        match word {
            "--provider" => provider = Some(words.next().ok_or(USAGE)?),
            "node" | "python" if language.is_none() => language = Some(word),
            _ if word.starts_with('-') || only.is_some() => return Err(USAGE.into()),
            _ => only = Some(word),
        }
    }
    let sf = match std::env::var_os("SF_BIN") {
        Some(sf) => sf.into(),
        None => build("sf", "dev")?,
    };
    let mut test = cargo();
    test.args(["test", "--quiet", "--package", "sf-e2e", "--test", "conformance", "--"]);
    // Its own unit test is not part of the suite; nor are the tests that choose a provider by themselves.
    test.args(["--nocapture", "--exact"]).args(language.map_or(vec!["node", "python"], |one| vec![one]));
    test.env("SF_BIN", sf);
    test.envs(provider.map(|name| ("SF_CONFORMANCE_PROVIDER", name)));
    test.envs(only.map(|part| ("SF_CONFORMANCE_ONLY", part)));
    run(&mut test)
}
