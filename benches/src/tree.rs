//! The tree that everybody builds: 100 functions of 21 files each, described for `sf` and for osls.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Result;

/// Functions.
pub(crate) const FUNCTIONS: usize = 100;
const MODULES: usize = 20;
const MODULE_BYTES: usize = 8 * 1024;

/// Writes it; the same bytes every time.
pub(crate) fn write(root: &Path) -> Result<()> {
    let mut manifest = String::from("sf = 1\n\n[project]\nname = \"bench\"\nprovider = \"self-hosted\"\n");
    let mut serverless = String::from(
        "service: bench\nprovider:\n  name: aws\n  runtime: nodejs20.x\n  region: us-east-1\npackage:\n  individually: true\n  \
         patterns:\n    - '!**'\nfunctions:\n",
    );
    let mut seed = 1;
    for function in 0..FUNCTIONS {
        let name = format!("f{function:03}");
        let folder = root.join(&name).join("lib");
        fs::create_dir_all(&folder)?;
        let mut index = String::new();
        for module in 0..MODULES {
            fs::write(folder.join(format!("m{module}.mjs")), source(module, &mut seed))?;
            writeln!(index, "import {{ words as w{module} }} from './lib/m{module}.mjs';")?;
        }
        writeln!(index, "export function hello() {{ return Response.json({{ hello: w0.length }}); }}")?;
        fs::write(root.join(&name).join("index.mjs"), index)?;
        write!(
            manifest,
            "\n[functions.{name}]\nhandler = \"{name}/index.mjs#hello\"\nhttp = [\"GET /{name}\"]\n"
        )?;
        write!(
            serverless,
            "  {name}:\n    handler: {name}/index.hello\n    package:\n      patterns:\n        - '{name}/**'\n"
        )?;
    }
    fs::write(root.join("sf.toml"), manifest)?;
    fs::write(root.join("serverless.yml"), serverless)?;
    Ok(())
}

/// A module that looks like code to a compressor: words, not noise.
fn source(module: usize, seed: &mut u64) -> String {
    const WORDS: [&str; 12] = [
        "const", "request", "profile", "await", "table", "portrait", "return", "price", "=>", "market",
        "index", "null",
    ];
    let mut text = format!("// module {module}\nexport const words = [\n");
    while text.len() < MODULE_BYTES {
        // Knuth's MMIX generator: any will do, as long as it is the same everywhere.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[(*seed >> 33) as usize % WORDS.len()];
        text.push_str(&format!("  '{word} {:x}',\n", *seed >> 44));
    }
    text.push_str("];\n");
    text
}
