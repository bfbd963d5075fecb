//! Commands that our interpreter knows and MariaDB's, or that of 10.11, does not. `tests/corpus` compares the two, so these have their
//! scripts here, with what they print; each is one that MariaDB's interpreter refuses.

use std::fs;

use bstr::ByteSlice;
use mtr::script::command::{COMMANDS, Origin};

use crate::corpus::ours;
use crate::corpus::script::{Outcome, Script};
use crate::corpus::server::{Installation, Server};
use crate::support::Site;

/// A script with its exit code, standard output and standard error.
struct Case(&'static str, i32, &'static str, &'static str);

const CASES: &[Case] = &[
    Case(
        "let $a= 3;\n--assert(1)\n--assert ($a)\n--ASSERT(!$b)\n--assert($a == 3)\n--assert(`select $a = 3`)\n\
         --assert($(2 * $a > 5))\n--assert($a == query_get_value(select 3 as n, n, 1))\necho held;\n--assert($a > 3)\n",
        1,
        "held\n",
        "mysqltest: At line 10: Assertion failed: ($a > 3)\n",
    ),
    Case("--assert 1\n", 1, "", "mysqltest: At line 1: missing '(' in assert\n"),
    Case(
        "if (0)\n{\n--assert(0)\n}\nlet $n= 2;\nwhile ($n)\n{\n--assert($n < 3)\ndec $n;\n}\n--assert(`select nothing`)\n",
        1,
        "",
        "mysqltest: At line 11: query 'assert(`select nothing`)' failed: ER_BAD_FIELD_ERROR (1054): Unknown column 'nothing' in \
         'SELECT'\n",
    ),
    Case(
        "let $a= 7;\nlet $b= 2;\n--expr $c= $a + $b\n--expr $d=$a/$b\n--expr $e= $d % 2\n--expr $f= $a << $b\n\
         --expr $i= $a / 0\n--expr $j= $i + 1\n--expr $A= $a * 2\necho $c $d $e $f $i $j $a;\n--expr $g= $h + 1\n",
        1,
        "9 3.5 1 28 inf inf 14\n",
        "mysqltest: At line 11: Not a number for expr: $h is ''\n",
    ),
    Case(
        "--expr $a= 1 + 2 + 3\n",
        1,
        "",
        "mysqltest: At line 1: Wrong arguments to expr: '$a= 1 + 2 + 3', it takes '$name= number operator number'\n",
    ),
    Case(
        "--query_attributes n1 v1 'n 2' \"v 2\"\nselect 1 as one;\n--query_attributes n1\n",
        1,
        "select 1 as one;\none\n1\n",
        "mysqltest: At line 3: Wrong number of arguments to query_attributes in 'query_attributes n1'\n",
    ),
    Case(
        "--replace_numeric_round 2\n--replace_column 2 #\nselect 1.2345 as a, 2.345 as b, 'x(0.999 1.001)' as c;\n\
         select 1.2345 as a;\nlet $d= 1;\n--replace_numeric_round $d\n--vertical_results\n\
         select null as a, -0.01 as b, 10.11 as c;\n--replace_numeric_round 17\n",
        1,
        "select 1.2345 as a, 2.345 as b, 'x(0.999 1.001)' as c;\na\tb\tc\n1.23\t#\tx(1 1)\nselect 1.2345 as a;\n\
         a\n1.2345\nselect null as a, -0.01 as b, 10.11 as c;\na\tNULL\nb\t0\nc\t10.1\n",
        "mysqltest: At line 9: A precision for replace_numeric_round is a number from 0 to 16, not '17'\n",
    ),
    Case(
        "let $n= 3;\nwhile ($n)\n{\nif ($n == 2)\n{\n--break\necho not this;\n}\necho $n;\ndec $n;\n}\necho end $n;\n--break\n",
        1,
        "3\nend 2\n",
        "mysqltest: At line 13: Stray break was found\n",
    ),
    // Without the dashes each word begins a statement.
    Case(
        "--error ER_PARSE_ERROR\nassert(1);\n--error ER_PARSE_ERROR\nexpr $a= 1 + 1;\n--query_attributes a b\n",
        0,
        "assert(1);\nERROR 42000: You have an error in your SQL syntax; check the manual that corresponds to your \
         MariaDB server version for the right syntax to use near 'assert(1)' at line 1\nexpr $a= 1 + 1;\n\
         ERROR 42000: You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server \
         version for the right syntax to use near 'expr $a= 1 + 1' at line 1\n",
        "",
    ),
];

#[test]
fn do_what_is_written() {
    let site = Site::real();
    let place = site.path("extensions");
    let installation = Installation::find();
    let mut server = Server::start(&installation, &place.join("server"));
    let path = place.join("scripts/extension.test");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_extension("args"), "--silent\n").unwrap();
    for Case(text, code, stdout, stderr) in CASES {
        fs::write(&path, text).unwrap();
        let script = Script::read(path.parent().unwrap(), &path);
        let mut run = |interpreter| script.run(&interpreter, &installation, &mut server, &place);
        let Outcome { status, stdout: out, stderr: err, .. } = run(ours());
        assert_eq!((out.to_str_lossy(), err.to_str_lossy()), ((*stdout).into(), (*stderr).into()), "{text}");
        assert_eq!(status.code(), Some(*code), "{text}");
        let theirs = run(installation.interpreter());
        assert!(theirs.stderr.contains_str(REFUSAL), "the reference runs {text}");
    }
}

/// What the reference says of a command that it does not know.
pub const REFUSAL: &str = "Found line beginning with --  that didn't contain a valid mysqltest command";

#[test]
fn all_have_a_script() {
    for spec in COMMANDS.iter().filter(|spec| matches!(spec.origin, Origin::MySql | Origin::Newer)) {
        let line = format!("--{}", spec.name);
        assert!(CASES.iter().any(|Case(text, ..)| text.contains(&line)), "no script has {line}");
    }
}
