//! One report of a sanitizer, and how it is shown: one line that names what happened and where, then the stacks
//! without the frames of the runtime.

use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};

use crate::grammar::sanitizer_options::VARIABLES;
use crate::triage::catalogue::{ASAN, Cause, LSAN, MSAN, TSAN, UBSAN};
use crate::triage::finding::Quote;
use crate::triage::stack::{Frame, culprit, folded, short_place};

/// A sanitizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// AddressSanitizer, also the hardware-assisted one.
    Address,
    /// LeakSanitizer, alone or within AddressSanitizer.
    Leak,
    /// UndefinedBehaviorSanitizer.
    Undefined,
    /// MemorySanitizer.
    Memory,
    /// ThreadSanitizer.
    Thread,
}

impl Tool {
    /// All of them.
    pub const ALL: [Tool; 5] = [Tool::Address, Tool::Leak, Tool::Undefined, Tool::Memory, Tool::Thread];

    /// As reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Address => "AddressSanitizer",
            Tool::Leak => "LeakSanitizer",
            Tool::Undefined => "UndefinedBehaviorSanitizer",
            Tool::Memory => "MemorySanitizer",
            Tool::Thread => "ThreadSanitizer",
        }
    }

    /// As compilers and libraries call it: `asan`.
    pub fn short_name(self) -> &'static str {
        match self {
            Tool::Address => "asan",
            Tool::Leak => "lsan",
            Tool::Undefined => "ubsan",
            Tool::Memory => "msan",
            Tool::Thread => "tsan",
        }
    }

    /// The variable that rules its runtime.
    pub fn variable(self) -> &'static str {
        VARIABLES.iter().find(|(_, name)| *name == self.short_name()).map_or("", |(variable, _)| variable)
    }

    /// What `-fsanitize=` calls it.
    pub fn flag(self) -> &'static str {
        match self {
            Tool::Address => "address",
            Tool::Leak => "leak",
            Tool::Undefined => "undefined",
            Tool::Memory => "memory",
            Tool::Thread => "thread",
        }
    }

    /// The entry of the catalogue for a death at start.
    pub fn cause(self) -> &'static Cause {
        match self {
            Tool::Address => ASAN,
            Tool::Leak => LSAN,
            Tool::Undefined => UBSAN,
            Tool::Memory => MSAN,
            Tool::Thread => TSAN,
        }
    }
}

/// A stack in a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// What it is the stack of: `READ of size 1 at 0x603000000553 thread T0`, `freed by thread T0 here:`.
    pub title: BString,
    /// 1-based line of the title's first frame.
    pub line: u32,
    /// From the innermost one.
    pub frames: Vec<Frame>,
}

impl Stack {
    /// The title without addresses and threads that say nothing: `READ of size 1`, `freed by thread T0`.
    pub fn heading(&self) -> BString {
        let title = self.title.trim_end_with(|c| c == ':');
        let title = title.strip_suffix(b" here").unwrap_or(title);
        let title = title.strip_suffix(b" allocated from").unwrap_or(title);
        match title.find(" at 0x") {
            Some(at) => title[..at].into(),
            None => title.into(),
        }
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanitizerReport {
    /// Who speaks.
    pub tool: Tool,
    /// The process it is about; `None` where it does not say.
    pub pid: Option<i32>,
    /// `heap-use-after-free`, `data race`, `signed integer overflow`.
    pub kind: BString,
    /// The file it stands in.
    pub file: PathBuf,
    /// 1-based line of `headline`.
    pub line: u32,
    /// Its first line.
    pub headline: BString,
    /// Its stacks: the access first, then where the memory came from, or a leak each.
    pub stacks: Vec<Stack>,
    /// Where the address lies: `3 bytes inside of 32-byte region`.
    pub location: Option<BString>,
    /// After `SUMMARY: …Sanitizer: `.
    pub summary: Option<BString>,
}

/// Stacks of one report that are shown.
const STACKS: usize = 3;

impl SanitizerReport {
    /// The same text for the same error, whatever the addresses, the process and the moment.
    pub fn signature(&self) -> BString {
        let mut text = BString::from(format!("{} {}", self.tool.name(), self.kind));
        if self.stacks.is_empty() {
            text.extend_from_slice(&without_numbers(self.headline.as_bstr()));
        }
        for stack in &self.stacks {
            for frame in stack.frames.iter().filter(|frame| !frame.is_machinery()) {
                text.push(b'\n');
                text.extend_from_slice(&frame.words());
            }
        }
        text
    }

    /// The error in one line.
    pub fn in_short(&self) -> BString {
        let name = self.tool.name();
        let place =
            |stack: Option<&Stack>| stack.and_then(|stack| culprit(&stack.frames)).map(Frame::in_short);
        let at = place(self.stacks.first()).map(|place| format!(" in {place}")).unwrap_or_default();
        match self.tool {
            Tool::Leak => {
                let what = match (&self.summary, self.stacks.is_empty()) {
                    (Some(summary), _) => summary.trim_end_with(|c| c == '.').as_bstr(),
                    (None, _) => self.kind.as_bstr(),
                };
                let from = place(self.stacks.first()).map(|place| format!(", allocated in {place}"));
                format!("{name}: {what}{}", from.unwrap_or_default()).into()
            }
            Tool::Undefined => {
                let said = self.headline.replacen("runtime error: ", "", 1);
                // The directory of the build says nothing.
                let (place, what) = said.split_once_str(": ").unwrap_or((b"", said.as_slice()));
                let place = short_place(place.as_bstr());
                format!("{name}: {place}: {}{at}", what.as_bstr()).into()
            }
            Tool::Thread => {
                let mut text = format!("{name}: {}", self.kind);
                for (i, stack) in self.stacks.iter().take(2).enumerate() {
                    let place = place(Some(stack)).map(|place| format!(" in {place}")).unwrap_or_default();
                    let link = if i == 0 { ": " } else { "; " };
                    text.push_str(&format!("{link}{}{place}", stack.heading()));
                }
                text.into()
            }
            Tool::Address | Tool::Memory => {
                let access = self.stacks.first().map(Stack::heading).filter(|title| {
                    ["READ ", "WRITE "].iter().any(|word| title.starts_with(word.as_bytes()))
                });
                let access = access.map(|access| format!(": {access}")).unwrap_or_default();
                let mut text = format!("{name}: {}{access}{at}", self.kind);
                for (title, said) in [
                    ("freed by", ", of memory freed"),
                    ("allocated by", ", allocated"),
                    ("created by", ", of memory created"),
                ] {
                    let stack = self.stacks.iter().skip(1).find(|stack| stack.title.contains_str(title));
                    if let Some(place) = place(stack) {
                        text.push_str(&format!("{said} in {place}"));
                    }
                }
                text.into()
            }
        }
    }

    /// The first place in the source or the binary that may be to blame.
    pub fn place(&self) -> Option<BString> {
        self.stacks.first().and_then(|stack| culprit(&stack.frames)).map(Frame::in_short)
    }

    /// What is shown: the first line, where the address lies, and the stacks, folded.
    pub fn quotes(&self) -> Vec<Quote> {
        let quote =
            |line: u32, text: BString| Quote { file: Some(self.file.clone()), line: Some(line), text };
        let mut quotes = vec![quote(self.line, shortened(self.headline.as_bstr()))];
        if let Some(location) = &self.location {
            quotes.push(quote(self.line, location.clone()));
        }
        for stack in self.stacks.iter().take(STACKS) {
            let heading = stack.heading();
            if !heading.is_empty() {
                quotes.push(quote(stack.line, [heading.as_bytes(), b":"].concat().into()));
            }
            for frame in folded(&stack.frames) {
                quotes.push(quote(stack.line, [b"    ", frame.as_bytes()].concat().into()));
            }
        }
        if let more @ 1.. = self.stacks.len().saturating_sub(STACKS) {
            quotes.push(quote(self.line, format!("({more} more stacks in {})", self.file.display()).into()));
        }
        if self.tool == Tool::Leak
            && let Some(summary) = &self.summary
        {
            quotes.push(quote(self.line, summary.clone()));
        }
        quotes
    }
}

/// Reports that differ, in order, and how often each was made.
pub fn distinct(reports: Vec<SanitizerReport>) -> Vec<(SanitizerReport, usize)> {
    let mut found: Vec<(BString, SanitizerReport, usize)> = Vec::new();
    for report in reports {
        let signature = report.signature();
        match found.iter_mut().find(|(known, ..)| *known == signature) {
            Some((_, _, count)) => *count += 1,
            None => found.push((signature, report, 1)),
        }
    }
    found.into_iter().map(|(_, report, count)| (report, count)).collect()
}

/// Without the addresses of code at its end.
fn shortened(headline: &BStr) -> BString {
    match headline.find(" at pc 0x") {
        Some(at) => headline[..at].into(),
        None => headline.to_owned(),
    }
}

/// Digits left out: addresses, sizes, process ids.
fn without_numbers(text: &BStr) -> Vec<u8> {
    text.iter().copied().filter(|byte| !byte.is_ascii_digit()).collect()
}
