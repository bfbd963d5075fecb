//! Build trees of MariaDB: the same tests run from wherever a developer stands. The trees are made of small files, with a
//! server that is a script.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::skip::skip;
use crate::support::{Finished, Run, Site, program, write};

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
