//! `mtr-rs lint`: each thing it finds, by a file that has it and nothing else, on the installed MariaDB.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Site, program};

/// What one run said.
struct Said {
    code: Option<i32>,
    text: String,
    errors: String,
}

fn lint(site: &Site, args: &[&str]) -> Said {
    let output = Command::new(program())
        .arg("lint")
        .args(args)
        .current_dir(site.path(""))
        .env_remove("MTR_BINDIR")
        .env("MTR_CACHE_DIR", crate::support::shared_cache())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        code: output.status.code(),
        text: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(site: &Site, args: &[&str]) -> Value {
    let said = lint(site, &[&["--json"], args].concat());
    serde_json::from_str(&said.text).unwrap_or_else(|error| panic!("{error}: {}{}", said.text, said.errors))
}

/// A suite with one good test, `t`, and these files.
fn suite(files: &[(&str, &str)]) -> Site {
    let site = Site::real();
    site.test_file("t.test", "select 1;\n").test_file("t.result", "select 1;\n1\n1\n");
    for (name, text) in files {
        site.test_file(name, text);
    }
    site
}

/// The findings in the suite of these files: `CODE FILE:LINE:COLUMN`, and the whole document.
#[track_caller]
fn found(files: &[(&str, &str)]) -> (Vec<String>, Value) {
    let site = suite(files);
    let document = json(&site, &["own"]);
    let findings = document["findings"].as_array().unwrap();
    let shown = findings.iter().map(|finding| {
        let file = Path::new(finding["file"].as_str().unwrap()).file_name().unwrap().to_str().unwrap();
        let number = |key: &str| finding[key].as_u64().map_or(String::new(), |number| format!(":{number}"));
        format!("{} {file}{}{}", finding["code"].as_str().unwrap(), number("line"), number("column"))
    });
    (shown.collect(), document)
}

/// Exactly these are found, and the first of them says `words`.
#[track_caller]
fn finds(files: &[(&str, &str)], expected: &[&str], words: &str) -> Value {
    let (shown, document) = found(files);
    assert_eq!(shown, expected, "{document:#}");
    let message = document["findings"][0]["message"].as_str().unwrap_or_default();
    assert!(message.contains(words), "not said: {words:?}\n{document:#}");
    document
}

/// As [`finds`], with what is to be written instead.
#[track_caller]
fn corrects(files: &[(&str, &str)], expected: &[&str], words: &str, corrected: &str) {
    let document = finds(files, expected, words);
    assert_eq!(document["findings"][0]["corrected"], corrected);
}

#[test]
fn l001_blanks_around_the_equals_sign() {
    corrects(
        &[("t.opt", "--open_files_limit = 65535\n")],
        &["MTR-L001 t.opt:1:1"],
        "blanks around '=' in '--open_files_limit = 65535'",
        "--open_files_limit=65535",
    );
    corrects(
        &[("t-master.opt", "--loose-x\n  --sort_buffer_size= 64K")],
        &["MTR-L001 t-master.opt:2:3"],
        "'--sort_buffer_size= 64K'",
        "--sort_buffer_size=64K",
    );
}

#[test]
fn l002_comments() {
    finds(&[("t.opt", "# more memory\n--sort-buffer-size=64K\n")], &["MTR-L002 t.opt:1:1"], "'#'");
}

#[test]
fn l003_stray_words() {
    corrects(
        &[("t.opt", "--sync-binlog=1 max_connections=5\n")],
        &["MTR-L003 t.opt:1:17"],
        "'max_connections=5' is no option",
        "--max_connections=5",
    );
    // What can be a value is none: the server takes the next argument for it.
    finds(&[("t.opt", "--max-connections 5 --skip-name-resolve 1\n")], &["MTR-L003 t.opt:1:41"], "'1'");
}

#[test]
fn l004_unknown_options() {
    finds(
        &[("t.opt", "--max_conections=5\n")],
        &["MTR-L004 t.opt:1:1"],
        "does not know '--max_conections=5' (did you mean 'max-connections'?)",
    );
    finds(&[("t-slave.opt", "--skip-xyzzy")], &["MTR-L004 t-slave.opt:1:1"], "'--skip-xyzzy'");
    finds(&[("t.combinations", "[a]\nxyzzy=1\n[b]\n")], &["MTR-L004 t.combinations:2:1"], "'--xyzzy=1'");
    let cnf = "!include include/default_my.cnf\n[mysqld.1]\nxyzzy\n[client]\nplugh\n";
    finds(&[("t.cnf", cnf)], &["MTR-L004 t.cnf:3:1"], "'--xyzzy'");
}

#[test]
fn l004_knows_prefixes_plugins_and_hidden_options() {
    for text in [
        "--loose-xyzzy=1 --loose_skip_plugh",
        "--max-connecti=5 --SKIP_NAME_RESOLVE --maximum-sort-buffer-size=1M --disable-log-bin",
        // Of plugins in the plugin directory, which are loaded.
        "--plugin-load-add=server_audit --server-audit-logging=1",
        // With a plugin that is not installed come options that are not known.
        "--plugin-load-add=no_such_plugin.so --no-such-plugin-option=1",
        "$NO_SUCH_VARIABLE --datadir=$MYSQLTEST_VARDIR/x",
    ] {
        assert_eq!(found(&[("t.opt", text)]).0, [""; 0], "{text}");
    }
    // A test that will not be run may be for another server.
    let skipped = [("t.opt", "--xyzzy"), ("disabled.def", "t : MDEV-1\n")];
    assert_eq!(found(&skipped).0, [""; 0]);
}

#[test]
fn l005_ambiguous_options() {
    finds(
        &[("t.opt", "--skip-n\n")],
        &["MTR-L005 t.opt:1:1"],
        "'--skip-n' is the beginning of skip-name-resolve, skip-networking",
    );
}

#[test]
fn l006_values_that_are_refused() {
    finds(
        &[("t.opt", "--binlog-format=sometimes\n")],
        &["MTR-L006 t.opt:1:1"],
        "the server says \"Error while setting value 'sometimes' to 'binlog_format'\"",
    );
    finds(&[("t.opt", "--sql-mode=NO_SUCH_MODE\n")], &["MTR-L006 t.opt:1:1"], "'--sql-mode=NO_SUCH_MODE'");
    finds(&[("t.opt", "--max-connections\n")], &["MTR-L006 t.opt:1:1"], "'--max-connections'");
    for text in [
        "--binlog-format=ROW",
        "--binlog-format=r",
        "--binlog-format=1",
        "--innodb=force",
        "--max-connections=1K",
    ] {
        assert_eq!(found(&[("t.opt", text)]).0, [""; 0], "{text}");
    }
}

#[test]
fn l007_options_given_twice() {
    finds(
        &[("t.opt", "--sort_buffer_size=64K\n--loose-sort-buffer-size=1M\n")],
        &["MTR-L007 t.opt:1:1"],
        "'--sort_buffer_size=64K' has no effect: '--loose-sort-buffer-size=1M' on line 2",
    );
    finds(&[("t.opt", "--skip-log-bin --log-bin\n")], &["MTR-L007 t.opt:1:1"], "'--skip-log-bin'");
    let cnf = "!include include/default_my.cnf\n[mysqld.1]\nsort_buffer_size=64K\nsort-buffer-size=1M\n";
    finds(&[("t.cnf", cnf)], &["MTR-L007 t.cnf:3:1"], "'sort_buffer_size=64K'");
}

#[test]
fn l008_ports_of_two_servers() {
    let servers = "!include include/default_my.cnf\n[mysqld.1]\n[mysqld.2]\n";
    let both = format!("{servers}[mysqld]\nextra_port=33001\n");
    finds(&[("t.cnf", &both)], &["MTR-L008 t.cnf:5:1"], "port 33001 is fixed for mysqld.1 and mysqld.2");
    finds(
        &[("t.cnf", servers), ("t.opt", "--extra-port=33001")],
        &["MTR-L008 t.opt:1:1"],
        "'--extra-port=33001'",
    );
    let one = format!("{servers}[mysqld.1]\nextra_port=33001\n");
    assert_eq!(found(&[("t.cnf", &one)]).0, [""; 0]);
}

#[test]
fn l009_ports_of_two_tests() {
    let other = [("u.test", "select 1;\n"), ("u.result", "select 1;\n1\n1\n")];
    let files = [&other[..], &[("t.opt", "--extra-port=33001"), ("u.opt", "--extra_port=33001")]].concat();
    finds(&files, &["MTR-L009 t.opt:1:1", "MTR-L009 u.opt:1:1"], "port 33001 is fixed here, and in u.opt:1");
    // A plugin that is not loaded listens on nothing.
    let files = [&other[..], &[("suite.opt", "--loose-handlersocket-port=33001")]].concat();
    assert_eq!(found(&files).0, [""; 0]);
}

#[test]
fn l010_files_of_no_test() {
    for name in ["gone.opt", "gone-master.opt", "gone-slave.opt", "gone.combinations", "gone-master.sh"] {
        let text = if name.ends_with(".opt") { "--loose-x\n" } else { "[a]\n" };
        finds(&[(name, text)], &[&format!("MTR-L010 {name}")], "there is no gone.test");
    }
    let used = [("t-master.sh", ""), ("x.inc", ""), ("x.opt", "--loose-x"), ("suite.opt", "--loose-y")];
    assert_eq!(found(&used).0, [""; 0]);
}

#[test]
fn l011_lines_that_cannot_be() {
    corrects(
        &[("t.cnf", "[mysqld.1]\n  port=1\n")],
        &["MTR-L011 t.cnf:2:1"],
        "Unexpected line '  port=1'",
        "port=1",
    );
    finds(
        &[("t.combinations", "--sync-binlog=1\n[a]\n")],
        &["MTR-L011 t.combinations:1:1"],
        "outside of group",
    );
}

#[test]
fn l012_includes_that_are_missing() {
    finds(
        &[("t.cnf", "[mysqld.1]\n!include gone.cnf\n")],
        &["MTR-L012 t.cnf:2:1"],
        "'gone.cnf' does not exist",
    );
}

#[test]
fn l013_combinations_without_sections() {
    finds(&[("t.combinations", "# none yet\n")], &["MTR-L013 t.combinations"], "no [section]");
}

#[test]
fn l014_combinations_twice() {
    let twice = "[a]\nsync-binlog=1\n[b]\n[a]\nsync-binlog=0\n";
    finds(
        &[("t.combinations", twice)],
        &["MTR-L014 t.combinations:4:1"],
        "'a' is a section on line 1 already",
    );
    let same = "[a]\nsync-binlog=1\n[b]\nsync-binlog=1\n";
    finds(&[("t.combinations", same)], &["MTR-L014 t.combinations:3:1"], "'b' has the same options as 'a'");
    // Names alone may make the difference.
    let by_name = [("t.combinations", same), ("t,b.result", "x\n")];
    assert_eq!(found(&by_name).0, [""; 0]);
    let by_script = [("t.combinations", same), ("t.test", "echo $MTR_COMBINATION_A;\n")];
    assert_eq!(found(&by_script).0, [""; 0]);
}

#[test]
fn l015_results_that_are_missing() {
    finds(&[("u.test", "select 1;\n")], &["MTR-L015 u.test"], "u.result");
    let one =
        [("u.test", "select 1;\n"), ("u.combinations", "[a]\n[b]\nsync-binlog=1\n"), ("u,a.result", "")];
    finds(&one, &["MTR-L015 u.test"], "combination 'b'");
    assert_eq!(found(&[("u.test", "if (!$x) {\n--skip not today\n}\n")]).0, [""; 0]);
}

#[test]
fn l016_results_that_are_not_used() {
    finds(&[("tt.result", "")], &["MTR-L016 tt.result"], "has no test 'tt'");
    finds(&[("t,a.result", "")], &["MTR-L016 t,a.result"], "test 't' has no combination 'a'");
    assert_eq!(found(&[("other.result", ""), ("t.test", "cat_file other.result;\n")]).0, [""; 0]);
}

#[test]
fn l017_diffs_that_do_not_apply() {
    let diff = "--- t.result\n+++ t,a.result\n@@ -1,2 +1,2 @@\n-select 2;\n+select 3;\n 2\n";
    let files = [("t.combinations", "[a]\nsync-binlog=1\n[b]\n"), ("t,a.rdiff", diff)];
    finds(&files, &["MTR-L017 t,a.rdiff:3:1"], "does not apply to");
    let good = diff.replace("select 2", "select 1").replace("\n 2\n", "\n 1\n");
    assert_eq!(found(&[files[0], ("t,a.rdiff", &good)]).0, [""; 0]);
}

#[test]
fn l018_lists_that_cannot_be_read() {
    corrects(
        &[("disabled.def", "# why\nt MDEV-1 fails\n")],
        &["MTR-L018 disabled.def:2:1"],
        "'t MDEV-1 fails' is not",
        "t : MDEV-1 fails",
    );
    finds(&[("disabled.def", "rpl.t : MDEV-1\n")], &["MTR-L018 disabled.def:1:1"], "says rpl");
}

#[test]
fn l019_disabled_tests_that_do_not_exist() {
    finds(
        &[("disabled.def", "t : MDEV-1\ngone : MDEV-2\n")],
        &["MTR-L019 disabled.def:2:1"],
        "no test 'gone'",
    );
}

#[test]
fn l020_to_l024_what_the_interpreter_finds() {
    for (text, expected, words) in [
        ("--ehco x\n", "MTR-L020 t.test:1:1", "did you mean 'echo'"),
        ("if ($x) {\nselect 1;\n", "MTR-L021 t.test:1:1", "Missing end of block"),
        ("select 1;\n select 2\n", "MTR-L022 t.test:2:2", "no delimiter"),
        ("--error ER_NO_SUCH_THING_AT_ALL\nselect 1;\n", "MTR-L023 t.test:1:1", "ER_NO_SUCH_THING_AT_ALL"),
        ("--exit\nselect 1;\n", "MTR-L024 t.test:2:1", "'exit' at line 1"),
    ] {
        finds(&[("t.test", text)], &[expected], words);
    }
}

#[test]
fn l025_files_that_cannot_be_sourced() {
    finds(
        &[(
            "t.test",
            "--source include/have_innodb.inc\n  --source include/gone.inc\n--source $x/gone.inc\n",
        )],
        &["MTR-L025 t.test:2:3"],
        "there is no 'include/gone.inc'",
    );
    // An include looks beside itself, and in the suite of the test.
    let good = [
        ("t.test", "--source inc/a.inc\n"),
        ("inc/a.inc", "--source b.inc\n--source inc/b.inc\n--source t.test\n"),
        ("inc/b.inc", ""),
    ];
    assert_eq!(found(&good).0, [""; 0]);
}

#[test]
fn good_files_have_no_findings() {
    let site = suite(&[
        ("t.opt", "--loose-x --sync-binlog=0 --init-connect=\"set @a = 1\" --ignore-db-dirs x"),
        ("t.cnf", "!include include/default_my.cnf\n[mysqld.1]\nsort_buffer_size = 64K\n"),
        ("t.combinations", "[a]\n--sync-binlog=1\n[b]\nsync_binlog = 2\n"),
        ("disabled.def", "# none\nu : MDEV-1\n"),
        ("u.test", "select 2;\n"),
    ]);
    let said = lint(&site, &["own"]);
    assert_eq!((said.code, said.text.lines().count()), (Some(0), 1), "{}", said.text);
    assert!(said.text.starts_with("0 findings in 7 files, 2 tests, server "), "{}", said.text);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites");
    let said = lint(&site, &[ours.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}", said.text);
}

#[test]
fn the_text_names_place_code_reason_and_correction() {
    let site = suite(&[("t.opt", "--open_files_limit = 65535\n")]);
    let said = lint(&site, &["own"]);
    let lines: Vec<&str> = said.text.lines().collect();
    assert_eq!(said.code, Some(1));
    assert_eq!(lines[0], "own/t.opt:1:1: MTR-L001: blanks around '=' in '--open_files_limit = 65535'");
    assert!(lines[1].starts_with("    an option file is split at blanks"), "{}", said.text);
    assert_eq!(lines[2], "    write: --open_files_limit=65535");
    assert!(lines[3].starts_with("1 finding in 3 files, 1 test, server "), "{}", said.text);
}

#[test]
fn paths_choose_what_is_looked_at() {
    let site = suite(&[
        ("t.opt", "--sync-binlog = 1\n"),
        ("u.opt", "--sync-binlog = 1\n"),
        ("disabled.def", "gone : x\n"),
    ]);
    let files = |args: &[&str]| -> Vec<String> {
        let document = json(&site, args);
        let findings = document["findings"].as_array().unwrap();
        findings.iter().map(|f| f["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(files(&["own/t.test"]), ["t.opt"]);
    assert_eq!(files(&["own/u.opt"]), ["u.opt", "u.opt"]);
    assert_eq!(files(&["own/disabled.def", "own/t.opt"]), ["disabled.def", "t.opt"]);
}

#[test]
fn wrong_arguments_have_an_exit_code_of_their_own() {
    let site = suite(&[("README", "")]);
    for (args, words) in [
        (&["--jsno"][..], "there is no option --jsno"),
        (&["own/gone.opt"], "cannot open"),
        (&["own/README"], "is no file of a test"),
        (&["--basedir=/nowhere"], "/nowhere"),
        (&["--basedir"], "needs a value"),
    ] {
        let said = lint(&site, args);
        assert_eq!((said.code, said.text.as_str()), (Some(2), ""), "{args:?}");
        assert!(said.errors.contains(words), "{args:?}: {}", said.errors);
    }
    let help = lint(&site, &["--help"]);
    assert!(help.code == Some(0) && help.text.starts_with("Usage: mtr-rs lint"), "{}", help.text);
}

#[test]
fn without_a_server_files_are_looked_at_all_the_same() {
    let site = Site::real();
    for (name, text) in [
        ("main/1st.test", "select 1;\n"),
        ("main/1st.result", "select 1;\n1\n1\n"),
        ("main/1st.opt", "--xyzzy --sync-binlog = 1\n"),
        ("include/x.inc", ""),
        ("include/default_my.cnf", "[mysqld.1]\n"),
    ] {
        site.file(&format!("base/mysql-test/{name}"), text);
    }
    let document = json(&site, &["--basedir=base"]);
    assert_eq!(document["server"], Value::Null);
    let note = document["notes"][0].as_str().unwrap();
    assert!(note.starts_with("options are not compared with those of a server"), "{note}");
    let findings = document["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{document:#}");
    assert_eq!(findings[0]["code"], "MTR-L001");
}

/// Its tests are run every day: what keeps a server from starting would be a false finding. (Options that are unknown it does
/// have, in suites that nobody runs.)
#[test]
fn mariadb_s_own_tree_starts_its_servers() {
    let document = json(&Site::real(), &[]);
    assert!(document["tests"].as_u64().unwrap() > 1000, "{document:#}");
    for finding in document["findings"].as_array().unwrap() {
        let code = finding["code"].as_str().unwrap();
        let deadly = ["MTR-L001", "MTR-L002", "MTR-L003", "MTR-L005", "MTR-L006", "MTR-L008", "MTR-L011"];
        assert!(!deadly.contains(&code), "{finding:#}");
    }
}

#[test]
fn marks_and_carriage_returns() {
    finds(&[("t.opt", "\u{feff}--log-bin\n")], &["MTR-L026 t.opt:1:1"], "byte order mark");
    finds(&[("x.inc", "--echo a\r\n--echo b\r\n")], &["MTR-L026 x.inc:1"], "carriage return");
}

#[test]
fn several_options_in_one_argument() {
    finds(
        &[("t.opt", "\"--sql-mode=ANSI --log-bin\"\n")],
        &["MTR-L027 t.opt:1:2"],
        "is one argument with 2 options",
    );
}

#[test]
fn suppressions_that_cannot_match() {
    let script = "call mtr.add_suppression(\"Odd \\(thing\\)\");\nselect 1;\n";
    finds(&[("t.test", script)], &["MTR-L028 t.test:1"], "in a string of SQL");
}

#[test]
fn variables_of_libraries_that_nobody_knows() {
    finds(&[("x.inc", "--echo $NOSUCH_THING_SO\n")], &["MTR-L029 x.inc:1"], "NOSUCH_THING_SO");
    // One that is asked for may be set elsewhere.
    let (found, _) = found(&[("t.test", "if (!$NOSUCH_THING_SO) {\n  --skip none\n}\nselect 1;\n")]);
    assert!(!found.iter().any(|finding| finding.starts_with("MTR-L029")), "{found:?}");
}

#[test]
fn options_of_plugins_that_no_option_loads() {
    let file = [("t.opt", "--handlersocket-port=9998\n")];
    let (found, document) = found(&file);
    if document["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["code"] == "MTR-L004")) {
        return crate::skip::skip("the plugin handlersocket is not installed");
    }
    assert_eq!(found, ["MTR-L030 t.opt:1:1"], "{document:#}");
}
