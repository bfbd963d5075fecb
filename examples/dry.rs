#![allow(missing_docs, clippy::unwrap_used)]
use mtr::{
    cli::settings::Settings,
    tree::{collect::collect, facts::SuiteFactsSource, layout::Layout, suite_pm::*},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
struct F(serde_json::Value);
impl SuiteFactsSource for F {
    fn facts(&mut self, suite: &str, _dir: &Path) -> mtr::Result<Arc<SuiteFacts>> {
        let v = &self.0[suite];
        let mut f = SuiteFacts::default();
        f.skip = v["skip"].as_str().map(str::to_owned);
        f.is_default = v["default"] == 1;
        for (k, r) in v["skips"].as_object().into_iter().flatten() {
            f.skip_combinations.insert(
                k.clone(),
                match r {
                    serde_json::Value::String(s) => SkipRule::Reason(s.clone()),
                    a => SkipRule::Sections(
                        a.as_array().unwrap().iter().map(|x| x.as_str().unwrap().to_owned()).collect(),
                    ),
                },
            );
        }
        Ok(Arc::new(f))
    }
}
fn main() {
    let mut s = Settings { reorder: true, ..Settings::default() };
    let mut verbose = false;
    let mut ps = false;
    let mut layout = Layout { test_dir: PathBuf::from("/usr/share/mysql/mysql-test"), ..Layout::default() };
    let mut args = std::env::args().skip(1);
    while let Some(a) = args.next() {
        let (n, v) = a
            .split_once('=')
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .unwrap_or((a.clone(), String::new()));
        match n.as_str() {
            "--suite" => s.suite = Some(v.split(',').map(str::to_owned).collect()),
            "--do-test" => s.do_test = Some(v.into()),
            "--skip-test" => s.skip_test = Some(v.into()),
            "--combination" => s.combination.push(v.into()),
            "--skip-test-list" => s.skip_test_list.push(v.into()),
            "--big-test" => s.big_test += 1,
            "--noreorder" => s.reorder = false,
            "--skip-rpl" => s.skip_rpl = true,
            "--mysqld" => s.mysqld.push(v.into()),
            "--enable-disabled" => s.enable_disabled = true,
            "--ps-protocol" => ps = true,
            "--start-from" => {}
            "--skip-not-found" => s.skip_not_found = true,
            "--suite-dir" => s.suite_dir.push(v.into()),
            "--bundled" => layout.bundled_suites = Some(v.into()),
            "--full" => verbose = true,
            _ => s.names.push(a.into()),
        }
    }
    if !s.names.is_empty() {
        s.big_test = s.big_test.max(1);
    }
    let json =
        std::fs::read(if ps { "/tmp/refdry/facts-ps.json" } else { "/tmp/refdry/facts.json" }).unwrap();
    let mut f = F(serde_json::from_slice(&json).unwrap());
    let t = std::time::Instant::now();
    show(collect(&s, &layout, &mut f, &cwd), verbose, t)
}
fn show(r: mtr::Result<mtr::tree::collect::Collection>, verbose: bool, t: std::time::Instant) {
    match r {
        Ok(c) => {
            eprintln!("TIME {:?} {} cases; suites {}", t.elapsed(), c.cases.len(), c.suites_named.join(","));
            for m in &c.messages {
                eprintln!("MSG {m}");
            }
            for m in &c.warnings {
                eprintln!("WARN {m}");
            }
            for case in &c.cases {
                if verbose {
                    println!(
                        "{}\t{}\t{}\t{}",
                        case.name(),
                        case.combination(),
                        case.skip.as_ref().map_or("", |s| if s.disabled { "disabled" } else { "skipped" }),
                        case.skip.as_ref().map_or("", |s| &s.comment)
                    );
                } else {
                    println!("{}", case.full_name());
                }
            }
        }
        Err(e) => {
            println!("ERROR {e} HINT {:?}", e.hint_text());
        }
    }
}
