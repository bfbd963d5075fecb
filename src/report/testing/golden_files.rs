//! What the XML reporters write for whole runs, and that it is true and well-formed at any moment.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::{Event, Outcome, RunEnd, TestId, Verdict};
use crate::report::junit::Junit;
use crate::report::reporter::Reporter;
use crate::report::snapshot::{Document, Snapshot};
use crate::report::standing::Standing;
use crate::report::target::Target;
use crate::report::testing::sample::{self, busy_run, end, end_without, finished, id, outcome, started};
use crate::report::xml::LegacyXml;

fn render(mut document: impl Document, events: &[Event]) -> String {
    for event in events {
        document.apply(event);
    }
    String::from_utf8(document.render().unwrap()).unwrap()
}

fn legacy(events: &[Event]) -> String {
    let text = render(LegacyXml::new(sample::clock()), events);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    text.replace(&format!("hostname=\"{host}\""), "hostname=\"HOST\"")
}

fn junit(events: &[Event]) -> String {
    let text = render(Junit::new(sample::clock()), events);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    text.replace(&format!("hostname=\"{host}\""), "hostname=\"HOST\"")
}

#[test]
fn legacy_xml_of_failures() {
    insta::assert_snapshot!(legacy(&sample::script()), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites disabled="1" errors="" failures="7" name="" tests="10" time="0.001">
	<testsuite disabled="1" errors="" failures="7" hostname="HOST" id="0" name="S" package="" skipped="2" tests="13" time="0.001" timestamp="2026-11-23T12:32:19Z">
		<testcase assertions="" classname="S" name="bad" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[CURRENT_TEST: S.bad
--- MT/bad.result	2026-11-23 12:32:16.018666411 +0000
+++ MT/bad.reject	2026-11-23 12:32:17.488901991 +0000
@@ -3,4 +3,4 @@
 1
 select 2;
 2
-3
+2

Result content mismatch
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="bytes" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[CURRENT_TEST: S.bytes
+café � �> x

Result length mismatch
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="check" status="MTR_RES_PASSED" time="0.000" combinations="" />
		<testcase assertions="" classname="S" name="combi" status="MTR_RES_PASSED" time="0.000" combinations="one" />
		<testcase assertions="" classname="S" name="combi" status="MTR_RES_FAILED" time="0.000" combinations="two">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[CURRENT_TEST: S.combi
diff

Result content mismatch
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="crash" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[CURRENT_TEST: S.crash
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="dbg" status="MTR_RES_SKIPPED" time="0.000" combinations="">
			<skipped message="Requires debug build" type="MTR_RES_SKIPPED"/>
		</testcase>
		<testcase assertions="" classname="S" name="dis" status="MTR_RES_SKIPPED" time="0.000" combinations="">
			<disabled message="MDEV-1 &#38; more &#34;x&#34; &lt;y&gt;" type="MTR_RES_SKIPPED"/>
		</testcase>
		<testcase assertions="" classname="S" name="nostart" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[  cause:     the server does not know the variable 'no-such-option=1' (MT/nostart.opt:1) [MTR-S002]
  from:      MT/nostart.opt:1: --no-such-option=1
  fix:       correct the name, or write --loose-no-such-option
  evidence:  [ERROR] unknown variable 'no-such-option=1'
  also seen: no core files [MTR-S070]
  server:    mysqld.1 exited with status 7 after 0.07 s
  command:   /usr/sbin/mariadbd --defaults-group-suffix=.1 --no-such-option=1
  log:       /var0/log/mysqld.1.err, the last lines:
    [ERROR] unknown variable 'no-such-option=1'
    [ERROR] Aborting

CURRENT_TEST: S.nostart
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="pass1" status="MTR_RES_PASSED" time="0.001" combinations="" />
		<testcase assertions="" classname="S" name="skp" status="MTR_RES_SKIPPED" time="0.000" combinations="">
			<skipped message="Because &lt;I&gt; say &#34;so&#34;" type="MTR_RES_SKIPPED"/>
		</testcase>
		<testcase assertions="" classname="S" name="sqlerr" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[CURRENT_TEST: S.sqlerr
mysqltest: At line 2: query 'select * from nosuch' failed: ER_NO_SUCH_TABLE (1146): Table 'test.nosuch' doesn't exist
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="warns" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[CURRENT_TEST: S.warnsline
2026-01-01 [ERROR] strange thing
^ Found warnings in /var0/log/mysqld.1.err
ok

]]>
			</failure>
		</testcase>
	</testsuite>
</testsuites>
"#);
}

#[test]
fn legacy_xml_of_retries_and_rounds() {
    insta::assert_snapshot!(legacy(&busy_run()), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites disabled="0" errors="" failures="3" name="" tests="5" time="0.201">
	<testsuite disabled="" errors="" failures="3" hostname="HOST" id="0" name="S" package="" skipped="2" tests="6" time="0.201" timestamp="2026-11-23T12:32:19Z">
		<testcase assertions="" classname="S" name="flaky" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[last lines of the log
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="flaky" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[last lines of the log
]]>
			</failure>
		</testcase>
		<testcase assertions="" classname="S" name="good" status="MTR_RES_PASSED" time="0.201" combinations="a,b" />
		<testcase assertions="" classname="S" name="none" status="MTR_RES_SKIPPED" time="0.000" combinations="">
			<skipped message="" type="MTR_RES_SKIPPED"/>
		</testcase>
		<testcase assertions="" classname="S" name="skp" status="MTR_RES_SKIPPED" time="0.000" combinations="">
			<skipped message="Because [ a ] and [ b ] too" type="MTR_RES_SKIPPED"/>
		</testcase>
		<testcase assertions="" classname="S" name="slow" status="MTR_RES_FAILED" time="0.000" combinations="">
			<failure message="" type="MTR_RES_FAILED">
<![CDATA[
]]>
			</failure>
		</testcase>
	</testsuite>
</testsuites>
"#);
}

#[test]
fn junit_of_failures() {
    insta::assert_snapshot!(junit(&sample::script()), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="mtr" tests="13" failures="7" errors="0" skipped="3" time="0.000">
  <testsuite name="S" tests="13" failures="7" errors="0" skipped="3" time="0.000" timestamp="2026-11-23T12:32:19" hostname="HOST">
    <testcase classname="S" name="dis" time="0.000">
      <skipped message="MDEV-1 &amp; more &quot;x&quot; &lt;y&gt;"/>
    </testcase>
    <testcase classname="S" name="dbg" time="0.000">
      <skipped message="Requires debug build"/>
    </testcase>
    <testcase classname="S" name="combi &apos;one&apos;" time="0.000"/>
    <testcase classname="S" name="combi &apos;two&apos;" time="0.000">
      <failure type="failure" message="Result content mismatch">CURRENT_TEST: S.combi
diff

Result content mismatch</failure>
    </testcase>
    <testcase classname="S" name="nostart" time="0.000">
      <failure type="server_start" message="the server does not know the variable &apos;no-such-option=1&apos; (MT/nostart.opt:1) [MTR-S002]">  cause:     the server does not know the variable &apos;no-such-option=1&apos; (MT/nostart.opt:1) [MTR-S002]
  from:      MT/nostart.opt:1: --no-such-option=1
  fix:       correct the name, or write --loose-no-such-option
  evidence:  [ERROR] unknown variable &apos;no-such-option=1&apos;
  also seen: no core files [MTR-S070]
  server:    mysqld.1 exited with status 7 after 0.07 s
  command:   /usr/sbin/mariadbd --defaults-group-suffix=.1 --no-such-option=1
  log:       /var0/log/mysqld.1.err, the last lines:
    [ERROR] unknown variable &apos;no-such-option=1&apos;
    [ERROR] Aborting

Failed to start mysqld.1
mysqltest failed but provided no output

CURRENT_TEST: S.nostart</failure>
    </testcase>
    <testcase classname="S" name="bad" time="0.000">
      <failure type="failure" message="Result content mismatch">CURRENT_TEST: S.bad
--- MT/bad.result	2026-11-23 12:32:16.018666411 +0000
+++ MT/bad.reject	2026-11-23 12:32:17.488901991 +0000
@@ -3,4 +3,4 @@
 1
 select 2;
 2
-3
+2

Result content mismatch</failure>
    </testcase>
    <testcase classname="S" name="bytes" time="0.000">
      <failure type="failure" message="Result length mismatch">CURRENT_TEST: S.bytes
+caf\xE9 \x01 ]]&gt; x

Result length mismatch</failure>
    </testcase>
    <testcase classname="S" name="check" time="0.000">
      <system-out>MTR&apos;s internal check of the test case &apos;S.check&apos; failed.
not ok</system-out>
    </testcase>
    <testcase classname="S" name="crash" time="0.000">
      <failure type="server_death" message="Server [mysqld.1 - pid: 9, winpid: 9, exit: 256] failed during test run">Server [mysqld.1 - pid: 9, winpid: 9, exit: 256] failed during test run

CURRENT_TEST: S.crash</failure>
      <system-err>Server log from this test:
----------SERVER LOG START-----------
$ mariadbd
----------SERVER LOG END-------------
mysqltest failed but provided no output</system-err>
    </testcase>
    <testcase classname="S" name="pass1" time="0.000"/>
    <testcase classname="S" name="skp" time="0.000">
      <skipped message="Because &lt;I&gt; say &quot;so&quot;"/>
    </testcase>
    <testcase classname="S" name="sqlerr" time="0.000">
      <failure type="failure" message="mysqltest: At line 2: query &apos;select * from nosuch&apos; failed: ER_NO_SUCH_TABLE (1146): Table &apos;test.nosuch&apos; doesn&apos;t exist">CURRENT_TEST: S.sqlerr
mysqltest: At line 2: query &apos;select * from nosuch&apos; failed: ER_NO_SUCH_TABLE (1146): Table &apos;test.nosuch&apos; doesn&apos;t exist</failure>
    </testcase>
    <testcase classname="S" name="warns" time="0.000">
      <failure type="warnings" message="Found warnings/errors in server log file!">mysqltest failed but provided no output

CURRENT_TEST: S.warns

line
2026-01-01 [ERROR] strange thing
^ Found warnings in /var0/log/mysqld.1.err
ok</failure>
    </testcase>
  </testsuite>
</testsuites>
"#);
}

#[test]
fn junit_of_retries_and_rounds() {
    insta::assert_snapshot!(junit(&busy_run()), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="mtr" tests="6" failures="2" errors="0" skipped="2" time="0.700">
  <testsuite name="S" tests="6" failures="2" errors="0" skipped="2" time="0.700" timestamp="2026-11-23T12:32:19" hostname="HOST">
    <testcase classname="S" name="flaky" time="0.000">
      <failure type="failure" message="Result content mismatch">CURRENT_TEST: S.flaky
-y
+n

Result content mismatch</failure>
      <rerunFailure type="failure" message="Result content mismatch">CURRENT_TEST: S.flaky
-y
+n

Result content mismatch</rerunFailure>
      <system-out>last lines of the log</system-out>
    </testcase>
    <testcase classname="S" name="good &apos;a,b&apos;" time="0.350"/>
    <testcase classname="S" name="good &apos;a,b&apos; #2" time="0.350"/>
    <testcase classname="S" name="skp" time="0.000">
      <skipped message="Because [ a ] and [ b ] too"/>
    </testcase>
    <testcase classname="S" name="none" time="0.000">
      <skipped message=""/>
    </testcase>
    <testcase classname="S" name="slow" time="0.000">
      <failure type="timeout" message="timeout after 60 seconds">Test case timeout after 60 seconds

 == /var0/2/tmp/a.err ==
no connection</failure>
    </testcase>
  </testsuite>
</testsuites>
"#);
}

#[test]
fn a_retry_that_passes_is_flaky() {
    let second = TestId { attempt: 2, ..id("S", "a", "") };
    let text = junit(&[
        started(1, 1),
        Event::TestFinished {
            worker: 1,
            id: id("S", "a", ""),
            outcome: Box::new(Outcome { comment: "why\nmore".into(), ..outcome(Verdict::Fail) }),
            will_retry: true,
            will_repeat: false,
        },
        finished(1, second, outcome(Verdict::Pass)),
    ]);
    assert!(text.contains("tests=\"1\" failures=\"0\""));
    assert!(
        text.contains("<flakyFailure type=\"failure\" message=\"why\">why\nmore</flakyFailure>"),
        "{text}"
    );
}

/// Names of elements in order, for the names given; panics when the text is not well-formed.
fn elements(text: &str, wanted: &[&str]) -> Vec<String> {
    use quick_xml::events::Event as Xml;
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut depth, mut found) = (0_i32, Vec::new());
    loop {
        let element = match reader.read_event().unwrap() {
            Xml::Eof => break,
            Xml::End(_) => {
                depth -= 1;
                continue;
            }
            Xml::Start(element) => {
                depth += 1;
                element
            }
            Xml::Empty(element) => element,
            _ => continue,
        };
        for attribute in element.attributes() {
            attribute.unwrap();
        }
        let name = element.name().as_ref().to_owned();
        if wanted.contains(&name.as_str()) {
            found.push(name);
        }
    }
    assert_eq!(depth, 0);
    found
}

#[test]
fn files_are_well_formed_and_true_after_every_event() {
    for events in [sample::script(), busy_run(), sample::every_kind()] {
        for n in 0..=events.len() {
            let events = &events[..n];
            let mut standing = Standing::default();
            events.iter().for_each(|event| standing.note(event));
            let mut known = std::collections::BTreeSet::new();
            let mut know = |id: &TestId| {
                known.insert((id.suite.clone(), id.test.clone(), id.combination.clone(), id.repetition));
            };
            standing.open().for_each(|open| know(&open.id));
            for event in events {
                match event {
                    Event::TestStarted { id, .. } | Event::TestFinished { id, .. } => know(id),
                    _ => {}
                }
            }
            let (open, fault) = (standing.open().count(), usize::from(standing.fault().is_some()));
            let ended = n > 0 && matches!(events[n - 1], Event::RunFinished { .. });
            assert_eq!(fault == 0, ended && open == 0);
            assert_eq!(elements(&junit(events), &["testcase"]).len(), known.len() + fault);
            assert_eq!(elements(&junit(events), &["error"]).len(), open + fault);
            let text = legacy(events);
            elements(&text, &[]);
            assert_eq!(text.matches("no verdict: ").count(), open);
            assert_eq!(text.matches("name=\"run\"").count(), fault);
        }
    }
}

/// A reader beside the run sees a whole file each time, and so does whoever comes after a `kill -9`.
#[test]
fn a_reader_never_sees_a_part_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a.xml", "j.xml"].map(|name| dir.path().join(name));
    let target = |path| Target::of(path).unwrap();
    let mut legacy = Snapshot::create(target(&paths[0]), LegacyXml::new(sample::clock())).unwrap();
    let mut junit = Snapshot::create(target(&paths[1]), Junit::new(sample::clock())).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Acquire) {
                for path in &paths {
                    let text = std::fs::read_to_string(path).unwrap();
                    most = most.max(elements(&text, &["testcase"]).len());
                }
            }
            most
        });
        for n in 0..2000 {
            let id = id("S", &format!("t{n}"), "");
            let start = Event::TestStarted { worker: 1, id: id.clone() };
            let end = finished(1, id, Outcome { report: "why".into(), ..outcome(Verdict::Fail) });
            for event in [start, end] {
                legacy.event(&event).unwrap();
                junit.event(&event).unwrap();
            }
        }
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
    drop((legacy, junit));
    for path in &paths {
        // The run itself has not come to its end.
        assert_eq!(elements(&std::fs::read_to_string(path).unwrap(), &["testcase"]).len(), 2001);
    }
}

#[test]
fn a_run_that_ended_keeps_tests_without_verdict() {
    let events = [
        started(2, 2),
        Event::TestStarted { worker: 1, id: id("S", "a", "") },
        end_without(RunEnd::Failure, 2, 1),
    ];
    assert_eq!(elements(&junit(&events), &["testcase", "error"]), ["testcase", "error", "testcase", "error"]);
    assert_eq!(
        elements(&legacy(&events), &["testcase", "failure"]),
        ["testcase", "failure", "testcase", "failure"]
    );
    for text in [junit(&events), legacy(&events)] {
        for part in [
            "run not completed: a test had failed and --force was not given",
            "1 test has no verdict",
            "tests=\"2\"",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

#[test]
fn a_run_that_was_killed_is_not_completed() {
    for events in [vec![], vec![started(1, 1)]] {
        assert!(junit(&events).contains("errors=\"1\"") && junit(&events).contains("run not completed"));
        assert!(
            legacy(&events).contains("failures=\"1\"")
                && legacy(&events).contains("written while the run went on")
        );
    }
}

#[test]
fn servers_for_a_person_owe_no_verdict() {
    let events =
        [started(1, 1), Event::TestStarted { worker: 1, id: id("S", "a", "") }, end(RunEnd::Completed, 1, 0)];
    assert_eq!(elements(&junit(&events), &["testcase"]), [""; 0]);
    assert_eq!(elements(&legacy(&events), &["testcase"]), [""; 0]);
}

#[test]
fn bytes_that_xml_cannot_hold_are_shown() {
    let odd =
        Outcome { report: b"\x1b[1m caf\xe9 \xef\xbf\xbf ]]> <&>"[..].into(), ..outcome(Verdict::Fail) };
    let text = junit(&[finished(1, id("S", "a", ""), odd)]);
    assert!(text.contains(r"\x1B[1m caf\xE9 \xFFFF ]]&gt; &lt;&amp;&gt;</failure>"), "{text}");
    elements(&text, &[]);
    let long = Outcome { report: vec![b'y'; 1_000_000].into(), ..outcome(Verdict::Fail) };
    let text = junit(&[finished(1, id("S", "a", ""), long)]);
    assert!(text.contains("\n[... 868928 bytes left out ...]\n"));
}
