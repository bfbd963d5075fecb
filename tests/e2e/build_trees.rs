//! Build trees of MariaDB: the same tests run from wherever a developer stands. The trees are made of small files, with a
//! server that is a script.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip::skip;
use crate::support::{Finished, Run, Site, compile_plugin, program, write};

/// A source tree and a build of it, in a site.
struct Trees {
    site: Site,
    source: PathBuf,
    build: PathBuf,
}

impl Trees {
    /// A build of `source` in `build`, which are below the site and may be the same.
    fn new(source: &str, build: &str) -> Trees {
        let site = Site::fake();
        let (source, build) = (site.path(source), site.path(build));
        let base = site.path("base");
        let mut moved = vec![
            (base.join("mysql-test"), source.join("mysql-test")),
            (base.join("bin/mariadbd"), build.join("sql/mariadbd")),
            (base.join("bin/mariadb-test"), build.join("client/mariadb-test")),
            (base.join("share/english"), build.join("sql/share/english")),
            (base.join("share/charsets"), source.join("sql/share/charsets")),
        ];
        for entry in fs::read_dir(base.join("share")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let name = path.file_name().unwrap().to_owned();
                // These are made by the build.
                let made =
                    ["maria_add_gis_sp_bootstrap.sql", "mysql_sys_schema.sql"].iter().any(|it| name == *it);
                moved.push((path, if made { &build } else { &source }.join("scripts").join(name)));
            }
        }
        for (from, to) in moved {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(from, to).unwrap();
        }
        let cache = format!("//x\nCMAKE_HOME_DIRECTORY:INTERNAL={}\n", source.display());
        write(&build.join("CMakeCache.txt"), cache);
        write(&build.join("plugin/one/auth_one.so"), "");
        write(&build.join("storage/two/ha_two.so"), "");
        write(&source.join("mysql-test/main/where.test"), WHERE);
        fs::create_dir_all(build.join("mysql-test")).unwrap();
        Trees { site, source, build }
    }

    fn run_in(&self, dir: &Path) -> Run {
        self.with_vardir(dir, &self.site.path("var"))
    }

    fn with_vardir(&self, dir: &Path, vardir: &Path) -> Run {
        Run::new(vardir, &self.site.path("files"))
            .cwd(dir)
            .args(["--nocheck-testcases", "--nowarnings", "--mysqltest=mariadb-test", "where"])
            .env("MTR_CACHE_DIR", self.site.path("cache"))
            .env("FAKE_REACHED", self.site.path("reached"))
    }

    /// It ran the test on the server of the build, with the plugins of the build.
    #[track_caller]
    fn ran(&self, run: &Finished) {
        run.exits(0).verdict("main.where", "pass");
        let told = fs::read_to_string(self.site.path("reached")).unwrap();
        let mysqld = self.build.join("sql/mariadbd");
        assert!(told.contains(&format!("server {}\n", mysqld.display())), "{told}");
        assert!(told.contains("plugins auth_one.so ha_two.so\n"), "{told}");
        assert!(told.contains(&format!("tests {}\n", self.source.join("mysql-test").display())), "{told}");
    }
}

/// A test that tells where it is.
const WHERE: &str = "\
{ echo server $MYSQLD; echo plugins $(ls $MYSQLTEST_VARDIR/plugins); echo tests $MYSQL_TEST_DIR; } > $FAKE_REACHED
exit 0
";

#[test]
fn out_of_source_from_everywhere_in_the_build() {
    let trees = Trees::new("source", "build");
    for dir in ["", "mysql-test", "storage/two"] {
        trees.ran(&trees.run_in(&trees.build.join(dir)).finish());
    }
}

#[test]
fn out_of_source_from_the_source_with_the_build_named() {
    let trees = Trees::new("source", "build");
    let basedir = format!("--basedir={}", trees.build.display());
    for dir in ["", "mysql-test", "mysql-test/main"] {
        trees.ran(&trees.run_in(&trees.source.join(dir)).args([&basedir]).finish());
        trees.ran(&trees.run_in(&trees.source.join(dir)).env("MTR_BINDIR", &trees.build).finish());
    }
}

#[test]
fn a_tree_without_a_server_is_tested_by_no_other() {
    let trees = Trees::new("source", "build");
    let run = trees.run_in(&trees.source).finish();
    run.exits(1)
        .says("no MariaDB server found")
        .does_not_say("$PATH")
        .says("--basedir=DIR, or run from there");
    fs::remove_file(trees.build.join("sql/mariadbd")).unwrap();
    let run = trees.run_in(&trees.build).finish();
    run.exits(1)
        .does_not_say("$PATH")
        .says(&format!("hint: build it: cmake --build {}", trees.build.display()));
}

#[test]
fn the_generated_script_replaced_by_a_link() {
    let trees = Trees::new("source", "build");
    let link = trees.build.join("mysql-test/mtr");
    symlink(program(), &link).unwrap();
    let run = trees.run_in(&trees.build.join("mysql-test")).with_program(&link);
    trees.ran(&run.finish());
}

#[test]
fn in_source() {
    let trees = Trees::new("source", "source");
    for dir in ["", "mysql-test", "mysql-test/main"] {
        trees.ran(&trees.run_in(&trees.source.join(dir)).finish());
    }
}

#[test]
fn a_build_below_its_source() {
    let trees = Trees::new("source", "source/build");
    for dir in [&trees.source, &trees.build, &trees.source.join("mysql-test")] {
        trees.ran(&trees.run_in(dir).finish());
    }
}

#[test]
fn a_vardir_in_the_build() {
    let trees = Trees::new("source", "build");
    let vardir = trees.build.join("mysql-test/var");
    for _ in 0..2 {
        trees.ran(&trees.with_vardir(&trees.build.join("mysql-test"), &vardir).finish());
    }
}

#[test]
fn a_source_that_nobody_may_write_to() {
    if rustix::process::geteuid().is_root() {
        return skip("root may write everywhere");
    }
    let trees = Trees::new("source", "build");
    let dirs: Vec<PathBuf> = walkdir::WalkDir::new(&trees.source)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .collect();
    let set = |mode| {
        for dir in &dirs {
            fs::set_permissions(dir, PermissionsExt::from_mode(mode)).unwrap();
        }
    };
    set(0o555);
    let run = trees.run_in(&trees.build.join("mysql-test")).finish();
    set(0o755);
    trees.ran(&run);
}

#[test]
fn what_only_reads_leaves_nothing_where_a_run_is_to_be() {
    let trees = Trees::new("source", "build");
    let told = trees.site.path("told");
    // What the suite of the plugins does, and what it is told of them.
    let code = format!(
        "package My::Suite::Own;\n@ISA = qw(My::Suite);\n::mkpath(\"$::plugindir/made\");\n\
         open(my $file, '>', '{}'); print $file join ' ', map {{ s!.*/!!r }} glob \"$::plugindir/*\";\nbless {{ }};\n",
        told.display()
    );
    write(&trees.source.join("mysql-test/suite/own/suite.pm"), code);
    write(&trees.source.join("mysql-test/suite/own/t/x.test"), "");
    let there = trees.build.join("mysql-test");
    let looked = |what: &str| {
        assert_eq!(fs::read_to_string(&told).unwrap_or_default(), "auth_one.so ha_two.so made", "{what}");
        fs::remove_file(&told).unwrap();
    };

    let vardir = there.join("var");
    let list = Run::new(&vardir, &trees.site.path("files"))
        .cwd(&there)
        .env("MTR_CACHE_DIR", trees.site.path("cache"))
        .args(["--list", "--suite=own"])
        .finish();
    list.exits(0).says("own.x");
    looked("--list");
    assert!(!vardir.exists());

    let lint = Command::new(program())
        .arg("lint")
        .arg(format!("--basedir={}", trees.build.display()))
        .arg(trees.source.join("mysql-test/suite/own"))
        .current_dir(&there)
        .env("MTR_CACHE_DIR", trees.site.path("cache"))
        .output()
        .unwrap();
    looked(&String::from_utf8_lossy(&lint.stdout));
    assert!(!vardir.exists());
}

#[test]
fn options_of_the_plugins_of_a_build_are_known() {
    let trees = Trees::new("source", "build");
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
    let server = which::which_in("mariadbd", Some(path), "/").unwrap();
    let share = server.parent().unwrap().parent().unwrap().join("share");
    let share =
        ["mariadb", "mysql"].map(|name| share.join(name)).into_iter().find(|dir| dir.is_dir()).unwrap();
    let sql = trees.build.join("sql");
    fs::remove_dir_all(&sql).unwrap();
    fs::create_dir(&sql).unwrap();
    symlink(server, sql.join("mariadbd")).unwrap();
    symlink(share, sql.join("share")).unwrap();
    compile_plugin(&trees.build.join("plugin/own"), "own.so", &["-DNAME=\"own\""]);
    let tests = trees.source.join("mysql-test/suite/own/t");
    write(&tests.join("x.test"), "");
    write(&tests.join("x.opt"), "--plugin-load-add=own.so\n--own_port=7\n--own_portal=7\n");
    let lint = Command::new(program())
        .arg("lint")
        .arg(format!("--basedir={}", trees.build.display()))
        .arg(&tests)
        .env("MTR_CACHE_DIR", trees.site.path("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8(lint.stdout).unwrap();
    assert!(said.contains("does not know '--own_portal=7'") && !said.contains("--own_port=7"), "{said}");
}
