//! Where everything of a MariaDB installation is (runner §8.1, §9.1).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::files::{current_dir, is_writable};
use crate::tree::search::{self, Search, Tree};
use crate::tree::system_tables::SystemTables;
use crate::tree::{bundled, cache};

/// The places of one installation, found once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The `mysql-test` directory (`MT`), absolute: current directory of servers and scripts.
    /// Without an installed test tree, the unpacked tree of our own (`bundled` is then true).
    pub test_dir: PathBuf,
    /// `test_dir` is ours, not MariaDB's.
    pub bundled: bool,
    /// Where the suites of our own are unpacked, one directory each; searched for names on the
    /// command line also beside an installed tree.
    pub bundled_suites: Option<PathBuf>,
    /// What is to be told of how they came there.
    pub warnings: Vec<String>,
    /// Basedir.
    pub basedir: PathBuf,
    /// Bindir: `$MTR_BINDIR` or basedir.
    pub bindir: PathBuf,
    /// The build tree of an out-of-source build: what `$MTR_BINDIR` is, or has to be for children.
    pub build_dir: Option<PathBuf>,
    /// A source or build tree (`SRC`).
    pub source: bool,
    /// `/<name>` of a multi-config build; empty normally.
    pub multiconfig: String,
    /// `--debug-server`: programs of a debug build come first.
    pub debug_server: bool,
    /// Where client programs are; may not exist.
    pub client_bindir: PathBuf,
    /// `MYSQL_SHAREDIR`: parent of the language directories.
    pub share_dir: PathBuf,
    /// `MYSQL_CHARSETSDIR`.
    pub charsets_dir: PathBuf,
    /// The server program; empty only where a running server is used (`--extern`) and none is installed.
    pub mariadbd: PathBuf,
    /// Server plugin directory; in a source tree `vardir/plugins`, filled by the runner.
    pub plugin_dir: PathBuf,
    /// Client plugin directory.
    pub client_plugin_dir: PathBuf,
    /// Every plugin file found: `HA_CONNECT_SO` → `ha_connect.so`.
    pub plugins: Vec<(String, PathBuf)>,
    /// The scripts of the system tables, where there are some; bootstrap needs them.
    pub system_tables: Option<SystemTables>,
    /// The vardir of a run without `--vardir` and `--mem` (runner §8.1).
    pub default_vardir: PathBuf,
}

impl Layout {
    /// The server program of the installation at `basedir`: this one's, or that of another version (runner §9.1).
    ///
    /// # Errors
    /// There is none.
    pub fn server_of(&self, basedir: &Path) -> Result<PathBuf> {
        if basedir == self.basedir {
            return Ok(self.mariadbd.clone());
        }
        let (names, types) = (program_names(self.debug_server), build_types(&self.multiconfig));
        search::server_below(basedir, &names, &types).ok_or_else(|| {
            Error::new("no server program in this directory").at(basedir, None).hint(
                "a server group's basedir, or restart_bindir of an expect file, must hold sbin/mariadbd or bin/mariadbd",
            )
        })
    }

    /// `LD_LIBRARY_PATH` of servers and clients: `--client-libdir` or the library directories of the
    /// installation, then `old`. An installation outside the system's directories, such as packages
    /// unpacked into a folder, brings libraries that the system's linker does not look for.
    pub fn library_path(&self, settings: &Settings, old: Option<&OsStr>) -> OsString {
        let mut dirs = match &settings.client_libdir {
            Some(dir) => vec![dir.clone()],
            None if self.source => ["libmysql/.libs/", "libmysql_r/.libs/", "zlib/.libs/"]
                .map(|name| self.basedir.join(name))
                .to_vec(),
            None => ["lib", "lib/mysql"].map(|name| self.basedir.join(name)).to_vec(),
        };
        if !self.source && !["/", "/usr", "/usr/local"].iter().any(|system| self.basedir == Path::new(system))
        {
            dirs.extend(foreign_libraries(&self.basedir));
        }
        let mut path = OsString::new();
        let parts = dirs.iter().map(|dir| dir.as_os_str()).chain(old);
        for part in parts.filter(|part| !part.is_empty()) {
            if !path.is_empty() {
                path.push(":");
            }
            path.push(part);
        }
        path
    }
}

/// Library directories of `base` that are named after an architecture or a word size, and those
/// beside `base` where older packages have part of theirs.
fn foreign_libraries(base: &Path) -> Vec<PathBuf> {
    let root = base.parent().filter(|_| base.ends_with("usr"));
    let mut dirs = Vec::new();
    for base in [Some(base), root].into_iter().flatten() {
        let named_after_architecture = |dir: &PathBuf| {
            dir.is_dir()
                && dir.file_name().is_some_and(|name| name.as_encoded_bytes().contains_str("-linux-gnu"))
        };
        dirs.extend(entries(&base.join("lib")).into_iter().filter(named_after_architecture));
        dirs.extend(Some(base.join("lib64")).filter(|dir| dir.is_dir()));
    }
    dirs
}

/// Sub-directories in which multi-config generators of CMake put programs, searched after the directory itself.
const BUILD_TYPES: [&str; 3] = ["Release", "Relwithdebinfo", "Debug"];

/// Names of the server program, in order of preference (runner §9.1).
const SERVER_NAMES: [&str; 5] = ["mariadbd", "mysqld", "mysqld-max-nt", "mysqld-max", "mysqld-nt"];

/// Where plugins of an installation are, relative to bindir, in order of preference (runner §8.1).
const PLUGIN_DIRS: [&str; 5] =
    ["lib64/mysql/plugin", "lib/mysql/plugin", "lib64/mariadb/plugin", "lib/mariadb/plugin", "lib/plugin"];

/// Finds the installation to test, from any current directory.
///
/// The test tree is the one named by `--testdir`, below `--basedir`, around the current directory,
/// around `exe_hint` (our own program, which somebody may have put into a test tree), or the one
/// that belongs to the `mariadbd` on `PATH` or in the system's places, in this order. Without any,
/// the tests that are part of this program are unpacked into the cache.
///
/// # Errors
/// A named directory is no test tree or does not exist, its path contains a blank (which the test
/// scripts cannot cope with), or there is no server; the error lists the places searched.
pub fn locate(settings: &Settings, env: &Env, exe_hint: Option<&Path>) -> Result<Layout> {
    let cwd = current_dir()?;
    let search = Search {
        cwd: &cwd,
        testdir: settings.testdir.as_deref(),
        basedir: settings.basedir.as_deref(),
        build: env.non_empty("MTR_BINDIR").map(Path::new),
        exe: exe_hint,
        path: env.get("PATH"),
        system: search::SYSTEM_DIRS,
        programs: &program_names(settings.debug_server),
    };
    locate_in(&search, settings, env)
}

/// [`locate`] with every input explicit.
fn locate_in(search: &Search<'_>, settings: &Settings, env: &Env) -> Result<Layout> {
    let tree = search.find()?;
    let bundled = tree.test_dir.is_none();
    let of_tree = tree.source || tree.build.is_some();
    let base = Bases::of(search, &tree, settings, env)?;
    let mariadbd = match base.server {
        Some(path) => path,
        None if settings.using_extern() => PathBuf::new(),
        None => return Err(search.no_server(&base.bindir, of_tree)),
    };
    let (test_dir, unpacked) = match (tree.test_dir, bundled::unpack(&cache::cache_dir_for_scripts(env)?)) {
        (Some(dir), unpacked) => (dir, unpacked.ok()),
        (None, unpacked) => {
            let unpacked = unpacked?;
            (unpacked.dir.clone(), Some(unpacked))
        }
    };
    if test_dir.as_os_str().as_encoded_bytes().contains(&b' ') {
        return Err(Error::new(format!("the test directory {} contains a blank", test_dir.display())).hint(
            "test scripts name it unquoted; move it or make a symbolic link without a blank to its parent",
        ));
    }

    let (bundled_suites, warning) = unpacked.map(|unpacked| (unpacked.dir, unpacked.warning)).unzip();
    let warnings = cache::passed_over(env).into_iter().chain(warning.flatten()).collect();
    let (basedir, bindir) = (base.basedir, base.bindir);
    let multiconfig = multiconfig(settings);
    let source = tree.source;
    let client_bindir = client_bindir(settings, &bindir, &multiconfig)?;
    let share_dir = share_dir(&bindir);
    let charsets_dir = first_dir(&basedir, &CHARSETS).unwrap_or_else(|| basedir.join(CHARSETS[1]));
    let system_tables = SystemTables::below(&basedir);
    let default_vardir = default_vardir(base.build.as_deref(), &test_dir, bundled, search.cwd);
    let plugins = if source {
        let dir = settings.vardir.as_deref().unwrap_or(&default_vardir).join("plugins");
        Plugins { client_dir: dir.clone(), dir, files: source_plugins(&bindir, &multiconfig) }
    } else {
        installed_plugins(&bindir)
    };

    Ok(Layout {
        test_dir,
        bundled,
        bundled_suites,
        warnings,
        basedir,
        bindir,
        build_dir: base.build,
        source,
        multiconfig,
        debug_server: settings.debug_server,
        client_bindir,
        share_dir,
        charsets_dir,
        mariadbd,
        plugin_dir: plugins.dir,
        client_plugin_dir: plugins.client_dir,
        plugins: plugins.files,
        system_tables,
        default_vardir,
    })
}

/// `/<name>` of a multi-config build, or nothing.
fn multiconfig(settings: &Settings) -> String {
    settings.vs_config.as_ref().map(|name| format!("/{name}")).unwrap_or_default()
}

/// Basedir, bindir and the server that belongs to them.
struct Bases {
    basedir: PathBuf,
    bindir: PathBuf,
    build: Option<PathBuf>,
    server: Option<PathBuf>,
}

impl Bases {
    /// Applies the rules of runner §9.1 to the tree that was found.
    fn of(search: &Search<'_>, tree: &Tree, settings: &Settings, env: &Env) -> Result<Bases> {
        let mut basedir = match (&tree.basedir, &tree.test_dir) {
            (Some(base), _) => base.clone(),
            (None, Some(dir)) => base_of(dir, tree.source),
            (None, None) => return Err(search.no_server(Path::new(""), false)),
        };
        let bindir = tree.build.clone().unwrap_or_else(|| basedir.clone());
        let forced = env.non_empty("MTR_BINDIR_FORCED").map(PathBuf::from);
        let multiconfig = multiconfig(settings);
        let types = build_types(&multiconfig);
        let server = search::server_below(forced.as_deref().unwrap_or(&bindir), search.programs, &types);
        if server.is_some() || tree.source || tree.build.is_some() || search.basedir.is_some() {
            return Ok(Bases { basedir, bindir, build: tree.build.clone(), server });
        }
        // Tests that were copied out of their installation: the server of the system runs them.
        let server = search.server();
        if let Some(prefix) = server.as_deref().and_then(search::prefix) {
            basedir = prefix.to_owned();
        }
        Ok(Bases { bindir: basedir.clone(), basedir, build: None, server })
    }
}

/// The test tree that `path` (absolute) is part of, whatever is installed.
pub fn tree_around(path: &Path) -> Option<PathBuf> {
    search::around(path)
}

/// Basedir of an installed or source test tree: its parent, or up to two levels above that where
/// distributions have the tests below `share` (runner §9.1).
fn base_of(test_dir: &Path, source: bool) -> PathBuf {
    let mut base = test_dir.parent().unwrap_or(test_dir);
    for _ in 0..2 {
        if source || base.join("bin").is_dir() {
            break;
        }
        base = base.parent().unwrap_or(base);
    }
    base.to_owned()
}

/// The names a server may have, with `--debug-server` those of a debug build first.
fn program_names(debug_server: bool) -> Vec<&'static str> {
    let debug: &[&str] = if debug_server { &["mysqld-debug", "mariadbd-debug"] } else { &[] };
    debug.iter().chain(&SERVER_NAMES).copied().collect()
}

/// Names of build sub-directories, where programs of a multi-config build are; `multiconfig` is that of [`Layout`].
pub fn build_types(multiconfig: &str) -> Vec<&str> {
    match multiconfig.trim_matches('/') {
        "" => BUILD_TYPES.to_vec(),
        name => vec![name],
    }
}

/// Where client programs are (runner §9.1).
fn client_bindir(settings: &Settings, bindir: &Path, multiconfig: &str) -> Result<PathBuf> {
    if let Some(dir) = &settings.client_bindir {
        return if dir.is_dir() {
            Ok(dir.clone())
        } else {
            Err(Error::new(format!("--client-bindir: {} is no directory", dir.display())))
        };
    }
    let names = [
        "client_release".to_owned(),
        "client_debug".to_owned(),
        format!("client{multiconfig}"),
        "client".to_owned(),
        "bin".to_owned(),
    ];
    Ok(names
        .iter()
        .map(|name| bindir.join(name))
        .find(|dir| dir.is_dir())
        .unwrap_or_else(|| bindir.join("bin")))
}

/// Character sets, relative to basedir.
const CHARSETS: [&str; 4] =
    ["share/mariadb/charsets", "share/mysql/charsets", "sql/share/charsets", "share/charsets"];

/// The first directory of `names` below `base`.
fn first_dir(base: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| base.join(name)).find(|dir| dir.is_dir())
}

/// Parent of the language directories: the first candidate with English messages, else the first
/// that exists (`share` itself exists nearly everywhere).
fn share_dir(bindir: &Path) -> PathBuf {
    let names = ["share/mariadb", "share/mysql", "sql/share", "share"];
    names
        .iter()
        .map(|name| bindir.join(name))
        .find(|dir| dir.join("english/errmsg.sys").is_file())
        .or_else(|| first_dir(bindir, &names))
        .unwrap_or_else(|| bindir.join("share"))
}

/// The vardir without `--vardir`: `var` in the build tree's or the installed test directory; in the
/// current directory where the tests are our own, the cache being no place for 100 MB of data.
fn default_vardir(build: Option<&Path>, test_dir: &Path, bundled: bool, cwd: &Path) -> PathBuf {
    match build {
        _ if bundled => cwd.join("var"),
        Some(build) => build.join("mysql-test/var"),
        // An installed tree is not for everybody to write to.
        None if is_writable(test_dir) || is_writable(&test_dir.join("var")) => test_dir.join("var"),
        None => cwd.join("var"),
    }
}

/// What was found of plugins.
struct Plugins {
    dir: PathBuf,
    client_dir: PathBuf,
    files: Vec<(String, PathBuf)>,
}

/// Plugins of an installation: all variables, and the directory of the first (runner §8.1).
fn installed_plugins(bindir: &Path) -> Plugins {
    let mut dir = None;
    let mut files = Vec::new();
    for candidate in PLUGIN_DIRS.map(|name| bindir.join(name)) {
        let found = shared_objects(&candidate);
        if dir.is_none() && !found.is_empty() {
            dir = Some(candidate);
        }
        files.extend(found);
    }
    // An installation without any plugin file still has the directory the server looks in.
    let dir = dir.or_else(|| first_dir(bindir, &PLUGIN_DIRS)).unwrap_or_else(|| bindir.join(PLUGIN_DIRS[1]));
    let client_dir = entries(&bindir.join("lib"))
        .into_iter()
        .map(|arch| arch.join("libmariadb3/plugin"))
        .rfind(|dir| !shared_objects(dir).is_empty())
        .unwrap_or_else(|| dir.clone());
    Plugins { dir, client_dir, files: named(files) }
}

/// Plugins of a build tree, in the order in which the plugin directory is filled (runner §8.1).
fn source_plugins(bindir: &Path, multiconfig: &str) -> Vec<(String, PathBuf)> {
    let sub = multiconfig.trim_start_matches('/');
    let mut dirs: Vec<PathBuf> = Vec::new();
    for parent in ["storage", "plugin"] {
        dirs.extend(entries(&bindir.join(parent)).into_iter().map(|dir| dir.join(sub)));
    }
    dirs.extend(entries(&bindir.join("libmariadb/plugins")));
    dirs.push(bindir.join("libmariadb").join(sub));
    dirs.push(bindir.join("sql").join(sub));
    named(dirs.iter().flat_map(|dir| shared_objects(dir)).collect())
}

/// Entries of a directory, sorted; none if it cannot be read.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// The plugin files of a directory, sorted.
fn shared_objects(dir: &Path) -> Vec<PathBuf> {
    entries(dir)
        .into_iter()
        .filter(|path| {
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            !hidden && path.extension().is_some_and(|extension| extension == "so")
        })
        .collect()
}

/// Pairs each plugin file with its environment variable: `ha_connect.so` is `HA_CONNECT_SO`.
fn named(files: Vec<PathBuf>) -> Vec<(String, PathBuf)> {
    files
        .into_iter()
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?.to_ascii_uppercase();
            Some((format!("{name}_SO"), path))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn make(root: &Path, names: &[&str]) {
        for name in names {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
    }

    fn located(cwd: &Path, basedir: Option<&Path>, path: Option<&Path>, cache: &Path) -> Result<Layout> {
        let mut env = Env::default();
        env.set("MTR_CACHE_DIR", cache);
        let search = Search {
            cwd,
            testdir: None,
            basedir,
            build: None,
            exe: None,
            path: path.map(Path::as_os_str),
            system: &[],
            programs: &SERVER_NAMES,
        };
        locate_in(&search, &Settings::default(), &env)
    }

    const DEBIAN: [&str; 8] = [
        "usr/sbin/mariadbd",
        "usr/bin/mariadb",
        "usr/share/mysql/english/errmsg.sys",
        "usr/share/mysql/mysql_system_tables.sql",
        "usr/share/mysql/charsets/Index.xml",
        "usr/share/mysql/mysql-test/main/1st.test",
        "usr/share/mysql/mysql-test/include/x.inc",
        "usr/lib/mysql/plugin/ha_connect.so",
    ];

    #[test]
    fn a_package_layout_has_usr_as_basedir() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        make(&root, &DEBIAN);
        make(&root, &["usr/lib/x86_64-linux-gnu/libmariadb3/plugin/dialog.so"]);
        let usr = root.join("usr");
        let layout = located(&root, Some(&usr), None, &root).unwrap();
        assert_eq!(layout.basedir, usr);
        assert_eq!(layout.bindir, usr);
        assert_eq!(layout.mariadbd, usr.join("sbin/mariadbd"));
        assert_eq!(layout.test_dir, usr.join("share/mysql/mysql-test"));
        assert_eq!(layout.client_bindir, usr.join("bin"));
        assert_eq!(layout.share_dir, usr.join("share/mysql"));
        assert_eq!(layout.charsets_dir, usr.join("share/mysql/charsets"));
        assert_eq!(layout.system_tables.as_ref().unwrap().dir, usr.join("share/mysql"));
        assert_eq!(layout.plugin_dir, usr.join("lib/mysql/plugin"));
        assert_eq!(layout.client_plugin_dir, usr.join("lib/x86_64-linux-gnu/libmariadb3/plugin"));
        assert_eq!(
            layout.plugins,
            [("HA_CONNECT_SO".to_owned(), usr.join("lib/mysql/plugin/ha_connect.so"))]
        );
        assert_eq!(layout.default_vardir, usr.join("share/mysql/mysql-test/var"));
        // The same installation, found from inside its tests.
        assert_eq!(located(&layout.test_dir, None, None, &root).unwrap(), layout);
    }

    #[test]
    fn an_unpacked_package_brings_its_libraries() {
        let temp = tempfile::tempdir().unwrap();
        let usr = temp.path().join("usr");
        make(&usr, &["lib/x86_64-linux-gnu/libmariadb.so.3", "lib/python3/x.so"]);
        let layout = Layout { basedir: usr.clone(), ..Layout::default() };
        let dir = usr.display();
        assert_eq!(
            layout.library_path(&Settings::default(), Some(OsStr::new("/old"))).to_str().unwrap(),
            format!("{dir}/lib:{dir}/lib/mysql:{dir}/lib/x86_64-linux-gnu:/old")
        );
        let system = Layout { basedir: "/usr".into(), ..Layout::default() };
        assert_eq!(system.library_path(&Settings::default(), None), "/usr/lib:/usr/lib/mysql");
        let named = Settings { client_libdir: Some("/c".into()), ..Settings::default() };
        assert_eq!(system.library_path(&named, Some(OsStr::new(""))), "/c");
    }

    #[test]
    fn a_server_without_tests_gets_the_bundled_ones() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        make(&root, &DEBIAN[..5]);
        let cache = root.join("cache");
        let layout = located(&root, None, Some(&root.join("usr/sbin")), &cache).unwrap();
        assert!(layout.bundled && layout.test_dir.starts_with(&cache));
        assert_eq!(layout.basedir, root.join("usr"));
        assert_eq!(layout.default_vardir, root.join("var"));
    }

    #[test]
    fn copied_tests_use_the_server_of_the_system() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        make(&root, &DEBIAN[..5]);
        make(&root, &["home/u/mysql-test/main/1st.test", "home/u/mysql-test/include/x.inc"]);
        let tests = root.join("home/u/mysql-test");
        let layout = located(&tests, None, Some(&root.join("usr/sbin")), &root).unwrap();
        assert_eq!((layout.test_dir, layout.basedir), (tests, root.join("usr")));
    }

    #[test]
    fn a_source_tree_lists_the_plugins_it_built() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        make(
            &root,
            &[
                "sql/mariadbd",
                "sql/share/english/errmsg.sys",
                "client/mariadb",
                "storage/connect/ha_connect.so",
            ],
        );
        make(&root, &["plugin/disks/disks.so", "mysql-test/main/1st.test", "mysql-test/include/x.inc"]);
        let layout = located(&root.join("mysql-test/main"), None, None, &root).unwrap();
        assert!(layout.source);
        assert_eq!(layout.basedir, root);
        assert_eq!(layout.mariadbd, root.join("sql/mariadbd"));
        assert_eq!(layout.client_bindir, root.join("client"));
        assert_eq!(layout.share_dir, root.join("sql/share"));
        assert_eq!(layout.plugin_dir, root.join("mysql-test/var/plugins"));
        let names: Vec<&str> = layout.plugins.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["HA_CONNECT_SO", "DISKS_SO"]);
    }

    #[test]
    fn no_server_is_an_error_that_says_where_it_was_sought() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        make(&root, &DEBIAN[5..7]);
        let error = located(&root, Some(Path::new("usr")), None, &root).unwrap_err();
        assert!(error.message().contains(&format!("{}/usr/sbin", root.display())), "{error}");
        assert!(error.hint_text().unwrap().contains("--basedir"));
        assert!(located(Path::new("/"), None, None, &root).is_err());
    }

    #[test]
    fn a_blank_in_the_path_of_the_tests_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap().join("a b");
        make(&root, &DEBIAN);
        let error = located(&root, Some(Path::new("usr")), None, &root).unwrap_err();
        assert!(error.message().contains("contains a blank"), "{error}");
    }
}
