//! Which result file an instance is compared with (runner §3.5).

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::BString;

use super::listing::{Listings, append};
use crate::case::ResultFile;
use crate::error::{Error, Result};

/// One `.result` or `.rdiff` file.
#[derive(Debug)]
struct Candidate {
    /// The combination names in the file's name, sorted.
    pieces: Vec<String>,
    is_diff: bool,
    path: PathBuf,
}

/// The result files of one directory, by test.
type Index = HashMap<String, Vec<Candidate>>;

/// Result files of the directories that were asked for.
#[derive(Debug, Default)]
pub struct Results(HashMap<OsString, Rc<Index>>);

impl Results {
    fn index(&mut self, dir: &Path, listings: &mut Listings) -> Rc<Index> {
        if let Some(index) = self.0.get(dir.as_os_str()) {
            return Rc::clone(index);
        }
        let mut index = Index::new();
        // Also what is no file: a result that leads nowhere is not the same as none.
        for name in listings.list(dir).names().filter_map(|name| name.to_str()) {
            let (stem, is_diff) = match (name.strip_suffix(".result"), name.strip_suffix(".rdiff")) {
                (Some(stem), _) => (stem, false),
                (_, Some(stem)) => (stem, true),
                _ => continue,
            };
            let mut pieces = stem.split(',').map(str::to_owned);
            let test = pieces.next().unwrap_or_default();
            let mut pieces: Vec<String> = pieces.collect();
            pieces.sort_unstable();
            index.entry(test).or_default().push(Candidate { pieces, is_diff, path: append(dir, name) });
        }
        let index = Rc::new(index);
        self.0.insert(dir.as_os_str().to_owned(), Rc::clone(&index));
        index
    }

    /// The file that is best for an instance of `test` with these combinations: the one that names most
    /// of them, in `dirs` order (the suite's own, then the parent's). A diff comes with the best
    /// `.result` that follows it.
    ///
    /// # Errors
    /// A diff is best and there is nothing that it applies to.
    pub fn find(
        &mut self,
        test: &str,
        combinations: &[String],
        dirs: &[&Path],
        listings: &mut Listings,
    ) -> Result<Option<ResultFile>> {
        let indexes: Vec<_> = dirs.iter().map(|dir| self.index(dir, listings)).collect();
        let mut candidates: Vec<(usize, BString, usize, &Candidate)> = Vec::new();
        for (place, index) in indexes.iter().enumerate() {
            let fitting = index.get(test).into_iter().flatten();
            let fitting = fitting.filter(|c| c.pieces.iter().all(|piece| combinations.contains(piece)));
            candidates.extend(fitting.map(|c| {
                // `~` after the names makes `a` sort after `a-b`, as in the reference.
                let names = bstr::join(",", &c.pieces).into_iter().chain(*b"~").collect::<Vec<u8>>();
                (usize::MAX - c.pieces.len(), BString::from(names), place, c)
            }));
        }
        candidates.sort_by(|a, b| (a.0, &a.1, a.2, a.3.is_diff).cmp(&(b.0, &b.1, b.2, b.3.is_diff)));
        let mut candidates = candidates.into_iter().map(|(.., candidate)| candidate);
        let Some(best) = candidates.next() else { return Ok(None) };
        listings.has_file(&best.path)?;
        if !best.is_diff {
            return Ok(Some(ResultFile { base: best.path.clone(), rdiff: None }));
        }
        let base = candidates.find(|candidate| !candidate.is_diff).ok_or_else(|| {
            Error::new("the diff has no corresponding .result file")
                .at(&best.path, None)
                .hint(format!("record {test}.result, or remove the diff"))
        })?;
        listings.has_file(&base.path)?;
        Ok(Some(ResultFile { base: base.path.clone(), rdiff: Some(best.path.clone()) }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tree::testing::files as tree;

    fn best(files: &[&str], combinations: &[&str]) -> Result<Option<String>> {
        let dir = tree(files);
        let combinations: Vec<String> = combinations.iter().map(|c| (*c).to_owned()).collect();
        let dirs = [dir.path().join("own"), dir.path().join("parent")];
        let found =
            Results::default().find("foo", &combinations, &[&dirs[0], &dirs[1]], &mut Listings::default())?;
        let show = |path: &Path| path.strip_prefix(dir.path()).unwrap().display().to_string();
        Ok(found.map(|f| format!("{} {}", show(&f.base), f.rdiff.as_deref().map(show).unwrap_or_default())))
    }

    /// The order of the example in runner §3.5: removing the best again and again walks it.
    #[test]
    fn candidates_are_preferred_in_the_reference_s_order() {
        let order = [
            "own/foo,aa,bb.result",
            "own/foo,bb,aa.rdiff",
            "parent/foo,aa,bb.result",
            "parent/foo,aa,bb.rdiff",
            "own/foo,aa.result",
            "own/foo,aa.rdiff",
            "parent/foo,aa.result",
            "parent/foo,aa.rdiff",
            "own/foo,bb.result",
            "own/foo,bb.rdiff",
            "parent/foo,bb.result",
            "parent/foo,bb.rdiff",
            "own/foo.result",
            "own/foo.rdiff",
            "parent/foo.result",
        ];
        for at in 0..order.len() {
            let got = best(&order[at..], &["bb", "aa"]).unwrap().unwrap();
            let (base, diff) = got.split_once(' ').unwrap();
            assert_eq!(if diff.is_empty() { base } else { diff }, order[at]);
        }
    }

    #[test]
    fn a_diff_applies_to_the_next_result() {
        let files = ["own/foo,a.rdiff", "own/foo.rdiff", "parent/foo.result"];
        assert_eq!(best(&files, &["a"]).unwrap().unwrap(), "parent/foo.result own/foo,a.rdiff");
        assert_eq!(best(&files, &[]).unwrap().unwrap(), "parent/foo.result own/foo.rdiff");
        assert_eq!(best(&["own/foo,c.result"], &["a"]).unwrap(), None);
        assert!(best(&files[..2], &[]).unwrap_err().message().contains("no corresponding .result"));
    }
}
