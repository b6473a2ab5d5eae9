//! Names: what may be one, and which known one a wrong one probably meant.

use crate::Invalid;

/// How a name of a function, resource, stage or authorizer looks.
pub(crate) const NAME_PATTERN: &str = "^[a-z][a-z0-9-]{0,62}$";

/// How a project's name looks: shorter, since it is part of every physical name.
pub(crate) const PROJECT_PATTERN: &str = "^[a-z][a-z0-9-]{0,30}$";

/// How the name of an environment variable looks.
pub(crate) const ENV_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// Checks `^[a-z][a-z0-9-]{0,max - 1}$`.
pub(crate) fn check_name(name: &str, max: usize) -> Result<(), Invalid> {
    let good_start = name.starts_with(|c: char| c.is_ascii_lowercase());
    let good_rest =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if good_start && good_rest && name.len() <= max {
        return Ok(());
    }
    let hint = match tidy(name, max) {
        Some(better) if better != name => format!(
            "use lower-case letters, digits and `-`, a letter first, at most {max} in all: `{better}`"
        ),
        _ => format!("use lower-case letters, digits and `-`, a letter first, at most {max} in all"),
    };
    Err(Invalid::new("bad-name", format!("`{name}` is not a good name"), hint))
}

/// The nearest good name.
fn tidy(name: &str, max: usize) -> Option<String> {
    let mut better = String::new();
    for c in name.chars() {
        match c {
            c if c.is_ascii_uppercase() => {
                if better.ends_with(|last: char| last.is_ascii_lowercase()) {
                    better.push('-');
                }
                better.push(c.to_ascii_lowercase());
            }
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => better.push(c),
            _ if !better.ends_with('-') => better.push('-'),
            _ => {}
        }
    }
    let better = better.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let better = better.get(..max.min(better.len()))?.trim_end_matches('-');
    (!better.is_empty()).then(|| better.to_owned())
}

/// Checks [`ENV_PATTERN`], and that `sf` does not set the variable itself.
pub(crate) fn check_env_name(name: &str) -> Result<(), Invalid> {
    let good_start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let good_rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !good_start || !good_rest {
        return Err(Invalid::new(
            "bad-env-name",
            format!("`{name}` cannot be the name of an environment variable"),
            "use letters, digits and `_`, not a digit first: `LOG_LEVEL`",
        ));
    }
    if name == "PORT" || name.starts_with("SF_") {
        return Err(Invalid::new(
            "bad-env-name",
            format!("`{name}` is not yours to set"),
            "`PORT` and what begins with `SF_` is set by the platform: choose another name",
        ));
    }
    Ok(())
}

/// The known name nearest to `wrong`, if one is near.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().min(lower.chars().count()) / 4)
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

/// ``did you mean `x`? there are `x`, `y` ``: the near one first, then all.
pub(crate) fn choose<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = match nearest(wrong, known.clone()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    format!("{near}there are {}", list(known))
}

/// `a`, `b`, `c`
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".into() } else { quoted.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_get_a_good_one() {
        assert!(check_name("talent-market", 31).is_ok());
        for (bad, good) in
            [("TalentMarket", "`talent-market`"), ("my_app", "`my-app`"), ("9lives", "`lives`")]
        {
            assert!(check_name(bad, 31).unwrap_err().hint.contains(good), "{bad}");
        }
        assert!(check_name("", 31).is_err() && check_name("\u{e9}\u{e9}", 31).is_err());
        assert!(check_name(&"a".repeat(32), 31).is_err());
    }

    #[test]
    fn nearest_is_near() {
        let known = ["handler", "http", "memory", "timeout"];
        assert_eq!(nearest("hander", known), Some("handler"));
        assert_eq!(nearest("time-out", known), Some("timeout"));
        assert_eq!(nearest("Memory", known), Some("memory"));
        assert_eq!(nearest("zzz", known), None);
    }
}
