//! `--explain TEST`: everything that is known about a test before it runs.

use std::io::{self, Write};

use bstr::ByteSlice;

use crate::case::{ServerOption, TestCase};
use crate::tree::layout::Layout;

/// Prints every instance of the test.
///
/// # Errors
/// `out` cannot be written.
pub fn print(out: &mut dyn Write, name: &str, layout: &Layout, cases: &[TestCase]) -> io::Result<()> {
    if cases.is_empty() {
        return writeln!(out, "nothing matches '{name}'");
    }
    for case in cases {
        writeln!(out, "{}", case.full_name())?;
        writeln!(out, "  test file     {}", case.path.display())?;
        writeln!(out, "  suite         {} in {}", case.suite.name, case.suite.dir.display())?;
        if let Some(parent) = &case.suite.parent_dir {
            writeln!(out, "  overlay of    {}", parent.display())?;
        }
        // A test that is skipped early has no template: nobody asked for one.
        if !case.template.as_os_str().is_empty() {
            writeln!(out, "  config        {}", layout.test_dir.join(&case.template).display())?;
        }
        if !case.combinations.is_empty() {
            writeln!(out, "  combinations  {}", case.combinations.join(", "))?;
        }
        match &case.result {
            None => writeln!(out, "  result        none: output is not compared")?,
            Some(result) => {
                writeln!(out, "  result        {}", result.base.display())?;
                if let Some(rdiff) = &result.rdiff {
                    writeln!(out, "  changed by    {}", rdiff.display())?;
                }
            }
        }
        for (what, script) in [("master script", &case.master_sh), ("slave script ", &case.slave_sh)] {
            if let Some(script) = script {
                writeln!(out, "  {what} {}", script.display())?;
            }
        }
        if let Some(zone) = &case.timezone {
            writeln!(out, "  time zone     {zone}")?;
        }
        let tags = [
            (case.big_test, "big"),
            (case.long_test, "long"),
            (case.rpl_test, "replication"),
            (case.not_parallel, "not parallel"),
        ];
        let tags: Vec<&str> = tags.iter().filter(|(on, _)| *on).map(|(_, tag)| *tag).collect();
        if !tags.is_empty() {
            writeln!(out, "  tags          {}", tags.join(", "))?;
        }
        if let Some(skip) = &case.skip {
            let kind = if skip.disabled { "disabled" } else { "skipped " };
            writeln!(out, "  {kind}      {}", skip.comment)?;
        }
        if let Some(why) = &case.broken {
            writeln!(out, "  fails         {}", why.replace('\n', "\n                "))?;
        }
        options(out, "options", &case.master_opt)?;
        if case.slave_opt != case.master_opt {
            options(out, "options of servers with use-slave-opt", &case.slave_opt)?;
        }
        writeln!(out, "  files read")?;
        for file in case.scanned.iter() {
            writeln!(out, "    {}", file.display())?;
        }
    }
    Ok(())
}

fn options(out: &mut dyn Write, title: &str, options: &[ServerOption]) -> io::Result<()> {
    if options.is_empty() {
        return writeln!(out, "  {title}: none");
    }
    writeln!(out, "  {title}")?;
    let width = options.iter().map(|option| option.text.chars().count()).max().unwrap_or(0).min(60);
    for option in options {
        let text = option.text.to_string();
        writeln!(out, "    {text:width$}  {}", option.origin)?;
    }
    Ok(())
}
