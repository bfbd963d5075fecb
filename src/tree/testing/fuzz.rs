//! Expands a test by arbitrary combinations.

use std::path::Path;

use crate::case::TestCase;
use crate::error::Error;
use crate::grammar::mycnf;
use crate::tree::combinations::{CombinedCase, Forced, Group, MOST_INSTANCES, expand};

/// The most files of combinations.
const MOST_FILES: usize = 20;

/// Expands a test by the files of combinations that `bytes` are, separated by zeros.
///
/// # Panics
/// If that does, or if the test has more instances than it may.
pub fn fuzz(bytes: &[u8]) {
    let mut instances =
        vec![CombinedCase { case: TestCase::default(), in_overlay: false, noted: String::new() }];
    let mut forced = Forced::new(&["forced".to_owned()]);
    for text in bytes.split(|byte| *byte == 0).take(MOST_FILES) {
        let path = Path::new("x.combinations");
        let Ok(file) = mycnf::parse(text, path, |_| Err(Error::new("no such file"))) else { continue };
        let group = Group::of(&file, path, false, |name| name == "dropped");
        let Ok(expanded) = expand(instances, &group, &mut forced) else { return };
        assert!((1..=MOST_INSTANCES).contains(&expanded.len()));
        instances = expanded;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 12] = [
        "[a]\n",
        "[b]\n",
        "[c]\n",
        "[forced]\n",
        "[dropped]\n",
        "x=1\n",
        "x=2\n",
        "--y\n",
        "\0",
        "\0",
        "[d]\n[e]\n",
        "$z=1\n",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn pieces_of_files(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            fuzz(pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>().as_bytes());
        }
    }
}
