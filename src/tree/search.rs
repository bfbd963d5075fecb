//! Looking for a test tree and a server: from what the user named to what the system has.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::BString;

use crate::error::{Error, Result};
use crate::sys::files;
use crate::sys::files::is_program;
use crate::tree::probe_failed::ProbeFailed;

/// Where the server of an installation or a build is, below its root (runner §9.1).
const SERVER_DIRS: [&str; 4] = ["sql", "libexec", "sbin", "bin"];

/// Directories with servers that need not be on an ordinary user's `PATH`.
pub(super) const SYSTEM_DIRS: &[&str] = &[
    "/usr/sbin",
    "/usr/libexec",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/libexec",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/usr/local/mariadb/bin",
    "/opt/mariadb/bin",
];

/// Test trees relative to an installation's prefix: old and new names, packages and tarballs.
const BELOW_PREFIX: [&str; 8] = [
    "share/mysql/mysql-test",
    "share/mariadb/mysql-test",
    "share/mysql/mariadb-test",
    "share/mariadb/mariadb-test",
    "share/mysql-test",
    "share/mariadb-test",
    "mysql-test",
    "mariadb-test",
];

/// What the search starts from.
pub(super) struct Search<'a> {
    /// The current directory.
    pub cwd: &'a Path,
    /// `--testdir`.
    pub testdir: Option<&'a Path>,
    /// `--basedir`.
    pub basedir: Option<&'a Path>,
    /// `$MTR_BINDIR`.
    pub build: Option<&'a Path>,
    /// Our own program.
    pub exe: Option<&'a Path>,
    /// `$PATH`.
    pub path: Option<&'a OsStr>,
    /// Directories searched after `path`.
    pub system: &'a [&'a str],
    /// Names of the server program.
    pub programs: &'a [&'a str],
}

/// A test tree, or the installation without one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// The test directory; `None`: the tests in this program are used.
    pub test_dir: Option<PathBuf>,
    /// Basedir where it does not follow from `test_dir`.
    pub basedir: Option<PathBuf>,
    /// The build tree of an out-of-source build.
    pub build: Option<PathBuf>,
    /// `../sql` is a directory seen from `test_dir`.
    pub source: bool,
}

impl Search<'_> {
    /// The tree to use.
    ///
    /// # Errors
    /// A directory the user named is not what it has to be.
    pub(super) fn find(&self) -> Result<Tree> {
        let mut tree = self.find_tree()?;
        if let (Some(build), true) = (self.build, tree.test_dir.is_some()) {
            tree.build = Some(absolute(self.cwd, build)?);
        }
        if let Some(dir) = &tree.test_dir {
            tree.source = dir.parent().is_some_and(|parent| parent.join("sql").is_dir());
            if tree.source && tree.build.is_none() {
                tree.build = dir.parent().and_then(sole_build_of);
            }
        }
        Ok(tree)
    }

    fn find_tree(&self) -> Result<Tree> {
        if let Some(dir) = self.testdir {
            return self.named_tree(dir);
        }
        if let Some(base) = self.basedir {
            return self.below_basedir(base);
        }
        if let Some(tree) = self.cwd.ancestors().find_map(tree_at) {
            return Ok(tree);
        }
        if let Some(build) = self.build {
            let build = absolute(self.cwd, build)?;
            if let Some(tree) = tree_at(&build) {
                return Ok(tree);
            }
        }
        // Only a test tree that contains the program: where both are below /usr, PATH decides.
        let around_exe = self.exe.and_then(Path::parent).into_iter().flat_map(Path::ancestors);
        if let Some(dir) = around_exe.take(3).find(|dir| is_test_dir(dir)) {
            return Ok(Tree { test_dir: dir.canonicalize().ok(), ..Tree::default() });
        }
        let servers = self.servers();
        if let Some(tree) = servers.iter().filter_map(|server| prefix(server)).find_map(tree_below) {
            return Ok(tree);
        }
        let server = servers.into_iter().next();
        Ok(Tree { basedir: server.as_deref().and_then(prefix).map(Path::to_owned), ..Tree::default() })
    }

    /// `--testdir`.
    fn named_tree(&self, dir: &Path) -> Result<Tree> {
        let dir = absolute(self.cwd, dir)?;
        let stub_of = || dir.parent().filter(|parent| cmake_home(parent).is_some());
        let mut tree = tree_at(&dir).or_else(|| stub_of().and_then(tree_at)).ok_or_else(|| {
            Error::new(format!("--testdir: {} is no mysql-test directory", dir.display())).hint(
                "it has to contain include/ and main/, as /usr/share/mysql/mysql-test does where mariadb-test is installed",
            )
        })?;
        if let Some(base) = self.basedir {
            let base = absolute(self.cwd, base)?;
            // A build tree has no share/: basedir stays the source tree, as the stub script has it.
            if cmake_home(&base).is_some_and(|home| home != base) {
                tree.build = Some(base);
            } else {
                tree.basedir = Some(base);
            }
        }
        Ok(tree)
    }

    /// `--basedir` alone.
    fn below_basedir(&self, base: &Path) -> Result<Tree> {
        let base = absolute(self.cwd, base)?;
        if let Some(tree) = tree_at(&base).or_else(|| tree_below(&base)) {
            return Ok(match tree.build {
                Some(_) => tree,
                None if tree.test_dir.as_deref() == Some(&base) => tree,
                None => Tree { basedir: Some(base), ..tree },
            });
        }
        Ok(Tree { basedir: Some(base), ..Tree::default() })
    }

    /// Every server on `PATH` and in the system's places, real directories first: where `/sbin` is a
    /// link to `/usr/sbin`, the prefix is `/usr`.
    fn servers(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        let path = self.path.map(std::env::split_paths).into_iter().flatten();
        let dirs = path.chain(self.system.iter().map(PathBuf::from));
        for program in named_in(dirs, self.programs).filter(|program| is_program(program)) {
            let in_real_dir = program.parent().zip(program.file_name());
            let in_real_dir = in_real_dir.and_then(|(dir, name)| Some(dir.canonicalize().ok()?.join(name)));
            for candidate in in_real_dir.into_iter().chain(program.canonicalize().ok()) {
                if !found.contains(&candidate) {
                    found.push(candidate);
                }
            }
        }
        found
    }

    /// The first server on `PATH` or in the system's places.
    pub(super) fn server(&self) -> Option<PathBuf> {
        self.servers().into_iter().next()
    }

    /// There is no server in the installation or, with `of_tree`, in the source or build tree at `bindir`, where no other
    /// server will do: says where it was looked for and how to get one.
    pub(super) fn no_server(&self, bindir: &Path, of_tree: bool) -> Error {
        let mut named = named_in(SERVER_DIRS.map(|dir| bindir.join(dir)), self.programs);
        if let Some(program) = named.find(|path| path.symlink_metadata().is_ok()) {
            let number = if program.exists() { libc::EACCES } else { libc::ENOENT };
            return Error::new(format!("cannot run {}", program.display())).caused_by(ProbeFailed {
                program,
                arguments: Vec::new(),
                end: Err(Some(number)),
                lived: Duration::ZERO,
                said: BString::default(),
            });
        }
        let mut places: Vec<String> = Vec::new();
        if !bindir.as_os_str().is_empty() {
            places.extend(SERVER_DIRS.map(|dir| bindir.join(dir).display().to_string()));
        }
        if !of_tree && self.basedir.is_none() && self.testdir.is_none() && self.build.is_none() {
            places.push("the directories of $PATH".to_owned());
            places.push(self.system.join(", "));
        }
        let error = Error::new(format!("no MariaDB server found; searched {}", places.join(", ")));
        if of_tree {
            return error.hint(match cmake_home(bindir) {
                Some(_) => format!("build it: cmake --build {}", bindir.display()),
                None => "this is a source tree that is not built here: name the directory of its build with \
                         --basedir=DIR, or run from there"
                    .to_owned(),
            });
        }
        error.hint(
            "install it (Debian, Ubuntu: apt-get install mariadb-server mariadb-test; Fedora, RHEL: \
             dnf install mariadb-server mariadb-test), build it, or name an installation with --basedir=DIR",
        )
    }
}

/// The server below `base`, an installation or a build (runner §9.1): in one of its directories of programs, else in the
/// part of one for a build type. `names` are those of the server program.
pub(super) fn server_below(base: &Path, names: &[&str], build_types: &[&str]) -> Option<PathBuf> {
    let dirs = SERVER_DIRS.map(|dir| base.join(dir));
    let of_types = dirs.iter().flat_map(|dir| build_types.iter().map(move |name| dir.join(name)));
    named_in(dirs.iter().cloned().chain(of_types), names).find(|path| is_program(path))
}

/// The paths of these names in these directories, in order of preference.
fn named_in(dirs: impl IntoIterator<Item = PathBuf>, names: &[&str]) -> impl Iterator<Item = PathBuf> {
    dirs.into_iter().flat_map(move |dir| names.iter().map(move |name| dir.join(name)))
}

/// The prefix of an installed server: the parent of the directory it is in.
pub(super) fn prefix(server: &Path) -> Option<&Path> {
    server.parent()?.parent()
}

/// `path` as the reference would see it as its current directory: absolute and without links.
fn absolute(cwd: &Path, path: &Path) -> Result<PathBuf> {
    let joined = cwd.join(path);
    joined.canonicalize().map_err(|error| Error::io("use", &joined, error))
}

/// The tree that `dir` is, contains, or (being part of a build tree) names.
fn tree_at(dir: &Path) -> Option<Tree> {
    let installed = |dir: PathBuf| Tree { test_dir: dir.canonicalize().ok(), ..Tree::default() };
    if is_test_dir(dir) {
        return Some(installed(dir.to_owned()));
    }
    // `<build>` itself and `<build>/mysql-test`, which has only a stub script; an ancestor of the
    // current directory gets here for both.
    if let Some(home) = cmake_home(dir) {
        let tests = test_dir_in(&home)?;
        let build = dir.canonicalize().ok().filter(|build| Some(build.as_path()) != tests.parent());
        return Some(Tree { build, ..installed(tests) });
    }
    test_dir_in(dir).map(installed)
}

/// The test tree that `path` is part of.
pub(super) fn around(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(tree_at)?.test_dir
}

/// The test directory below the prefix of an installation.
fn tree_below(prefix: &Path) -> Option<Tree> {
    let dir = BELOW_PREFIX.iter().map(|name| prefix.join(name)).find(|dir| is_test_dir(dir))?;
    Some(Tree { test_dir: dir.canonicalize().ok(), ..Tree::default() })
}

/// `dir/mysql-test` or `dir/mariadb-test`.
fn test_dir_in(dir: &Path) -> Option<PathBuf> {
    ["mysql-test", "mariadb-test"].iter().map(|name| dir.join(name)).find(|dir| is_test_dir(dir))
}

/// Whether `dir` is MariaDB's `mysql-test`: shared includes, and the main suite or the Perl runner.
/// A build tree's `mysql-test` has neither includes nor suites.
fn is_test_dir(dir: &Path) -> bool {
    let script = || ["mariadb-test-run.pl", "mysql-test-run.pl"].iter().any(|name| dir.join(name).is_file());
    dir.join("include").is_dir()
        && (dir.join("main/1st.test").is_file() || (script() && dir.join("lib").is_dir()))
}

/// The source directory that a CMake build directory was configured for.
fn cmake_home(dir: &Path) -> Option<PathBuf> {
    let text = files::read(&dir.join("CMakeCache.txt"), files::MOST_OF_SETTINGS).ok()?;
    let prefix = b"CMAKE_HOME_DIRECTORY:INTERNAL=";
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(prefix))?;
    Path::new(OsStr::from_bytes(line.trim_ascii_end())).canonicalize().ok()
}

/// The build directory right below an unbuilt source directory, if there is exactly one.
fn sole_build_of(source: &Path) -> Option<PathBuf> {
    if source.join("CMakeCache.txt").is_file() {
        return None;
    }
    let mut builds = std::fs::read_dir(source)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|dir| cmake_home(dir).is_some_and(|home| home == source));
    let first = builds.next()?;
    builds.next().is_none().then_some(first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Makes files; a name that ends in `/` is a directory, one below a program directory a program.
    fn make(root: &Path, names: &[&str]) -> PathBuf {
        let root = root.canonicalize().unwrap();
        for name in names {
            let path = root.join(name);
            if name.ends_with('/') {
                fs::create_dir_all(&path).unwrap();
                continue;
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            if name.ends_with("mariadbd") {
                fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            }
        }
        root
    }

    fn search(cwd: &Path) -> Search<'_> {
        Search {
            cwd,
            testdir: None,
            basedir: None,
            build: None,
            exe: None,
            path: None,
            system: &[],
            programs: &["mariadbd", "mysqld"],
        }
    }

    const DEBIAN: [&str; 4] = [
        "usr/sbin/mariadbd",
        "usr/bin/",
        "usr/share/mysql/mysql-test/include/",
        "usr/share/mysql/mysql-test/main/1st.test",
    ];

    #[test]
    fn a_server_on_the_path_leads_to_its_tests() {
        let temp = tempfile::tempdir().unwrap();
        let root = make(temp.path(), &DEBIAN);
        std::os::unix::fs::symlink("usr/sbin", root.join("sbin")).unwrap();
        let path = root.join("sbin");
        let tree = Search { path: Some(path.as_os_str()), ..search(Path::new("/")) }.find().unwrap();
        assert_eq!(tree.test_dir, Some(root.join("usr/share/mysql/mysql-test")));
        assert!(!tree.source && tree.build.is_none());
    }

    #[test]
    fn any_directory_inside_the_tests_will_do() {
        let temp = tempfile::tempdir().unwrap();
        let root = make(temp.path(), &[&DEBIAN[..], &["usr/share/mysql/mysql-test/suite/rpl/t/"]].concat());
        let tests = root.join("usr/share/mysql/mysql-test");
        for cwd in [tests.clone(), tests.join("suite/rpl/t"), root.join("usr/share/mysql")] {
            assert_eq!(search(&cwd).find().unwrap().test_dir.as_ref(), Some(&tests), "{}", cwd.display());
        }
    }

    #[test]
    fn basedir_names_an_unpacked_package() {
        let temp = tempfile::tempdir().unwrap();
        let root = make(temp.path(), &DEBIAN);
        let usr = Path::new("usr/");
        let tree = Search { basedir: Some(usr), ..search(&root) }.find().unwrap();
        assert_eq!(tree.test_dir, Some(root.join("usr/share/mysql/mysql-test")));
        assert_eq!(tree.basedir, Some(root.join("usr")));
    }

    #[test]
    fn a_build_directory_leads_to_the_source() {
        let temp = tempfile::tempdir().unwrap();
        let root = make(
            temp.path(),
            &["src/sql/", "src/mysql-test/include/", "src/mysql-test/main/1st.test", "bld/mysql-test/lib/"],
        );
        fs::write(root.join("bld/mysql-test/mariadb-test-run.pl"), "stub").unwrap();
        let home = format!("//x\nCMAKE_HOME_DIRECTORY:INTERNAL={}\nY:STRING=1\n", root.join("src").display());
        fs::write(root.join("bld/CMakeCache.txt"), home).unwrap();
        let (bld, stub) = (root.join("bld"), root.join("bld/mysql-test"));
        let expected = Tree {
            test_dir: Some(root.join("src/mysql-test")),
            build: Some(bld.clone()),
            source: true,
            basedir: None,
        };
        assert_eq!(search(&bld).find().unwrap(), expected);
        assert_eq!(search(&stub).find().unwrap(), expected);
        assert_eq!(Search { build: Some(&bld), ..search(Path::new("/")) }.find().unwrap(), expected);
        assert_eq!(Search { basedir: Some(&bld), ..search(Path::new("/")) }.find().unwrap(), expected);
        assert_eq!(Search { testdir: Some(&stub), ..search(Path::new("/")) }.find().unwrap(), expected);
        let tests = root.join("src/mysql-test");
        assert_eq!(search(&tests).find().unwrap().build, None, "the build is not below the source");
        fs::rename(&bld, root.join("src/bld")).unwrap();
        assert_eq!(search(&tests).find().unwrap().build, Some(root.join("src/bld")));
    }

    #[test]
    fn an_in_source_build_has_no_build_directory() {
        let temp = tempfile::tempdir().unwrap();
        let root = make(temp.path(), &["sql/", "mysql-test/include/", "mysql-test/main/1st.test"]);
        fs::write(root.join("CMakeCache.txt"), format!("CMAKE_HOME_DIRECTORY:INTERNAL={}\n", root.display()))
            .unwrap();
        let tree = search(&root).find().unwrap();
        assert_eq!((tree.build, tree.source), (None, true));
    }

    #[test]
    fn a_directory_that_is_no_test_tree_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let root = make(temp.path(), &["include/", "main/app.c"]);
        let error = Search { testdir: Some(&root), ..search(&root) }.find().unwrap_err();
        assert!(error.hint_text().unwrap().contains("include/"));
        assert_eq!(search(&root).find().unwrap(), Tree::default(), "nothing found is not an error here");
    }

    #[test]
    fn a_missing_server_names_the_places() {
        let cwd = Path::new("/");
        let error = Search { system: &["/a/b"], ..search(cwd) }.no_server(Path::new("/x"), false);
        assert!(error.message().contains("/x/sbin") && error.message().contains("/a/b"), "{error}");
        assert!(error.hint_text().unwrap().contains("mariadb-server"));
        // A tree is tested by its own server.
        let error = Search { system: &["/a/b"], ..search(cwd) }.no_server(Path::new("/x"), true);
        assert!(error.message().contains("/x/sbin") && !error.message().contains("/a/b"), "{error}");
        assert!(error.hint_text().unwrap().contains("--basedir=DIR"));
    }
}
