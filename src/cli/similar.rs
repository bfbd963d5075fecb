//! Names that mean nothing, and what may have been meant.

/// What in `known` looks most like `wrong`, if anything does: a third of the letters may differ or have changed places.
pub fn similar<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    let near = scored.filter(|(distance, name)| *distance * 3 <= wrong.len().max(name.len()));
    near.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised() {
        assert_eq!(similar("ailas", ["alias", "aliases", "rpl"]), Some("alias"));
        assert_eq!(similar("nothing_like_it", ["alias", "rpl"]), None);
    }
}
