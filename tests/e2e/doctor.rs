//! `mtr-rs doctor`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Site, compile_plugin, program};

fn doctor(args: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.arg("doctor").args(args).env_remove("MTR_BINDIR").env_remove("ASAN_OPTIONS").output().unwrap()
}

/// The report as JSON, and whether the exit code says usable.
fn report(args: &[&str]) -> (Value, bool) {
    let output = doctor(&[args, &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let usable = output.status.code() == Some(0);
    assert_eq!(report["usable"], usable, "{report:#}");
    assert!(usable || output.status.code() == Some(1));
    (report, usable)
}

/// Severity and text of each problem, and its code.
fn problems(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let problems = report["problems"].as_array().unwrap().iter();
    problems.map(|p| (text(&p["severity"]), format!("{} {}", text(&p["text"]), text(&p["code"])))).collect()
}

#[track_caller]
fn has_problem(report: &Value, severity: &str, words: &str) {
    let problems = problems(report);
    assert!(problems.iter().any(|(s, text)| s == severity && text.contains(words)), "{words}: {problems:#?}");
}

/// An installation with the installed server and a plugin directory of its own.
fn installation() -> (Site, PathBuf) {
    let site = Site::real();
    let base = site.path("base");
    fs::create_dir_all(base.join("bin")).unwrap();
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
    let server = which::which_in("mariadbd", Some(path), "/").unwrap();
    let share = server.parent().unwrap().parent().unwrap().join("share");
    symlink(&server, base.join("bin/mariadbd")).unwrap();
    symlink(share, base.join("share")).unwrap();
    (site, base)
}

fn basedir(base: &Path) -> String {
    format!("--basedir={}", base.display())
}

#[test]
fn the_installed_server_is_usable_and_its_libraries_are_judged_as_it_judges_them() {
    let (report, usable) = report(&[]);
    assert!(usable, "{report:#}");
    let program = report["server"]["program"].as_str().unwrap();
    let version = String::from_utf8(Command::new(program).arg("--version").output().unwrap().stdout).unwrap();
    assert!(version.contains(report["server"]["version"].as_str().unwrap()), "{version}");
    let built_in = report["plugins"]["built_in"].as_array().unwrap();
    assert!(built_in.iter().any(|plugin| plugin == "InnoDB"), "{built_in:?}");
    assert!(report["options"]["groups"].as_array().unwrap().iter().any(|group| group == "mariadbd"));
    assert!(report["limits"].as_array().unwrap().iter().any(|limit| limit["name"] == "nofile"));

    let libraries = report["plugins"]["libraries"].as_array().unwrap();
    assert!(libraries.len() > 3, "{libraries:?}");
    for library in libraries {
        let (name, verdict) = (library["name"].as_str().unwrap(), library["verdict"].as_str().unwrap());
        let loads = loads(program, report["plugins"]["dir"].as_str().unwrap(), name);
        assert_eq!(matches!(verdict, "loads" | "needs_maturity"), loads, "{library:#}");
    }
}

/// Whether the server takes the library, asked itself.
fn loads(program: &str, dir: &str, library: &str) -> bool {
    let output = Command::new(program)
        .args(["--no-defaults", "--plugin-maturity=unknown", "--verbose", "--help"])
        .arg(format!("--plugin-dir={dir}"))
        .arg(format!("--plugin-load-add={library}"))
        .output()
        .unwrap();
    !String::from_utf8_lossy(&output.stderr).contains("Couldn't load plugins from")
}

#[test]
fn a_library_that_would_not_load_is_told_with_the_reason() {
    let (_site, base) = installation();
    let dir = base.join("lib/mysql/plugin");
    for (library, arguments, _) in VARIANTS {
        compile_plugin(&dir, library, arguments);
    }
    fs::write(dir.join("text.so"), "no library").unwrap();
    let (report, usable) = report(&[&basedir(&base)]);
    assert!(!usable);
    let libraries = report["plugins"]["libraries"].as_array().unwrap();
    let names: BTreeSet<&str> = libraries.iter().filter_map(|library| library["name"].as_str()).collect();
    assert_eq!(names.len(), VARIANTS.len() + 1);
    let program = base.join("bin/mariadbd").display().to_string();
    for (name, _, expected) in VARIANTS.iter().copied().chain([("text.so", &[][..], "fails MTR-S028")]) {
        let library = libraries.iter().find(|library| library["name"] == name).unwrap();
        let code = library["code"].as_str().unwrap_or_default();
        assert_eq!(format!("{} {code}", library["verdict"].as_str().unwrap()), expected, "{library:#}");
        let server = loads(&program, dir.to_str().unwrap(), name);
        assert_eq!(
            server,
            expected.starts_with("loads") || expected.starts_with("needs_maturity"),
            "{library:#}"
        );
    }
    has_problem(&report, "error", "debug.so cannot be loaded: it is of a Debug build");
    has_problem(&report, "error", "_db_my_assert MTR-S022");
    let maturity = libraries.iter().find(|library| library["name"] == "alpha.so").unwrap();
    assert_eq!(maturity["reason"], "--plugin-maturity=alpha");
}

/// Libraries, how they are compiled, and what is to be said of them.
const VARIANTS: &[(&str, &[&str], &str)] = &[
    ("good.so", &[], "loads "),
    ("alpha.so", &["-DMATURITY=2"], "needs_maturity "),
    ("symbol.so", &["-DNEEDS=no_such_function"], "fails MTR-S021"),
    ("debug.so", &["-DNEEDS=_db_my_assert"], "fails MTR-S022"),
    ("interface.so", &["-DINTERFACE=0x0203"], "fails MTR-S023"),
    ("version.so", &["-USERVER", "-DSERVER=100500"], "fails MTR-S023"),
    ("twice.so", &["-DNAME=\"partition\""], "built_in "),
    ("nothing.so", &["-DNO_PLUGIN"], "fails MTR-S028"),
    ("functions.so", &["-DNO_PLUGIN", "-DGIVES=f", "-DGIVES_TOO=f_init"], "no_plugin "),
    ("pam.so", &["-DNO_PLUGIN", "-DGIVES=pam_sm_authenticate"], "no_plugin "),
];

#[test]
fn the_cache_of_a_build_tree_is_compared_with_the_server() {
    let (site, base) = installation();
    site.file(
        "base/CMakeCache.txt",
        "//Kind of build\nCMAKE_BUILD_TYPE:STRING=Debug\nWITH_ASAN:BOOL=ON\nPLUGIN_HANDLERSOCKET:STRING=STATIC\n\
         PLUGIN_INNOBASE:STRING=STATIC\nPLUGIN_PERFSCHEMA:STRING=STATIC\nPLUGIN_CONNECT:STRING=DYNAMIC\nOTHER:STRING=x\n",
    );
    let (report, usable) = report(&[&basedir(&base)]);
    assert!(usable, "{report:#}");
    let entries = report["build"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 6, "{entries:?}");
    has_problem(&report, "warning", "CMAKE_BUILD_TYPE is Debug in the cache");
    has_problem(&report, "warning", "WITH_ASAN is on in the cache, and the server is built without asan");
    has_problem(&report, "warning", "PLUGIN_HANDLERSOCKET=STATIC in the cache, and the server has no plugin");
    for built_in in ["INNOBASE", "PERFSCHEMA"] {
        assert!(!problems(&report).iter().any(|(_, text)| text.contains(built_in)), "{report:#}");
    }
}

#[test]
fn a_plugin_that_can_only_be_a_library_is_told_with_the_remedy() {
    let site = Site::real();
    let home = site.path("src");
    let cache = format!(
        "CMAKE_HOME_DIRECTORY:INTERNAL={}\nPLUGIN_HANDLERSOCKET:STRING=STATIC\nPLUGIN_CSV:STRING=STATIC\n",
        home.display()
    );
    site.file("build/CMakeCache.txt", &cache);
    site.file(
        "src/plugin/handler_socket/CMakeLists.txt",
        "\nMYSQL_ADD_PLUGIN(handlersocket\n  a.cpp MODULE_ONLY)\n",
    );
    site.file("src/storage/csv/CMakeLists.txt", "MYSQL_ADD_PLUGIN(csv a.cc)\n");
    // CMake refuses it, so that there may be no server yet.
    let (report, usable) = report(&[&basedir(&site.path("build"))]);
    assert!(!usable);
    let place = home.join("plugin/handler_socket/CMakeLists.txt:2");
    let text = format!("PLUGIN_HANDLERSOCKET=STATIC in the cache, but {} says MODULE_ONLY", place.display());
    has_problem(&report, "warning", &text);
    assert!(!problems(&report).iter().any(|(_, text)| text.contains("CSV")), "{report:#}");
    let hint = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|p| p["hint"].as_str()?.find("-DPLUGIN_HANDLERSOCKET=DYNAMIC"));
    assert!(hint.is_some(), "{report:#}");
}

#[test]
fn without_a_server_nothing_is_usable() {
    let site = Site::real();
    fs::create_dir_all(site.path("empty")).unwrap();
    let output = doctor(&[&basedir(&site.path("empty"))]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Problems\n  error ") && text.contains("hint: "), "{text}");
    let (report, _) = report(&[&basedir(&site.path("empty"))]);
    assert_eq!(report["server"], Value::Null);
}

#[test]
fn a_server_that_does_not_run_is_told() {
    let site = Site::real();
    site.program("base/bin/mariadbd", "#!/bin/sh\necho no such thing as a database >&2\nexit 127\n");
    site.file("base/share/english/errmsg.sys", "");
    let (report, usable) = report(&[&basedir(&site.path("base"))]);
    assert!(!usable);
    has_problem(&report, "error", "the server does not run");
    has_problem(&report, "error", "no such thing as a database");
    assert_eq!(report["server"]["version"], Value::Null);
}

#[test]
fn the_text_has_every_part_and_bad_arguments_are_refused() {
    let output = doctor(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let headings = ["Server\n", "\nPlugins\n", "\nOption files (", "\nLimits\n", "\nTools\n", "\nSystem\n"];
    for heading in headings {
        assert!(text.contains(heading), "{heading}\n{text}");
    }
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    let output = doctor(&["--nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no option --nonsense"));
}
