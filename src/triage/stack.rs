//! Stacks of calls, as sanitizers and the server itself print them: read, demangled, and folded to the frames that
//! tell something.

use bstr::{BStr, BString, ByteSlice};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Demangled, without arguments' values; empty where nobody knows it.
    pub function: BString,
    /// `sql/sql_plugin.cc:1600`; empty without debug information.
    pub place: BString,
    /// The program or library, without directory: `mariadbd`; empty where it is not told.
    pub module: BString,
    /// Where in the module: `+0x84c852`; empty where it is not told.
    pub offset: BString,
}

/// Frames shown of one stack.
pub const SHOWN: usize = 8;

impl Frame {
    /// A frame of a sanitizer's report: `    #3 0x558929e85f45 in plugin_init(int*, char**, int) (/usr/sbin/mariadbd+0x852f45)`.
    pub fn of_report(line: &[u8]) -> Option<Frame> {
        let rest = line.trim_start().strip_prefix(b"#")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let rest = rest[digits..].strip_prefix(b" ").filter(|_| digits > 0)?.trim_start();
        // ThreadSanitizer leaves the address out and puts it in brackets at the end instead.
        let rest = match rest.strip_prefix(b"0x") {
            Some(address) => address.trim_start_with(|c| c.is_ascii_hexdigit()).trim_start(),
            None => rest,
        };
        // `(BuildId: …)`, `(mariadbd+0x84c852)`.
        let mut rest = rest.trim_end();
        let mut frame = Frame::default();
        while let Some((before, inside)) = bracket_at_end(rest) {
            if let Some(at) = inside.rfind("+0x") {
                frame.module = file_name(&inside[..at]).into();
                frame.offset = inside[at..].into();
            } else if !inside.starts_with(b"BuildId:") && !inside.starts_with(b"<unknown module>") {
                break;
            }
            rest = before;
        }
        let rest = rest.strip_prefix(b"in ").unwrap_or(rest);
        // The place is the last word, or an absolute path with its blanks; a function's name may have blanks.
        let split = match rest.find(" /") {
            Some(at) => Some((&rest[..at], &rest[at + 1..])),
            None => rest.rsplit_once_str(" "),
        };
        let (function, place) = match split {
            Some((function, place)) if is_place(place) => (function, place),
            _ if is_place(rest) && frame.module.is_empty() => (&b""[..], rest),
            _ => (rest, &b""[..]),
        };
        frame.function = demangled(function.trim());
        frame.place = place.into();
        Some(frame)
    }

    /// A frame that the server printed itself: `/usr/sbin/mariadbd(_Z11plugin_initPiPPci+0x846)[0x558929e85f46]`,
    /// `sql/sql_plugin.cc:1600(plugin_init(int*, char**, int))[0x558929e85f46]`.
    pub fn of_server(line: &[u8]) -> Option<Frame> {
        let rest = line.trim().strip_suffix(b"]")?;
        let (rest, address) = rest.rsplit_once_str("[0x")?;
        if address.is_empty() || !address.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let (place, function) = rest.trim_end().strip_suffix(b")")?.split_once_str("(")?;
        let mut frame = Frame::default();
        let (function, offset) = match function.rfind("+0x") {
            Some(at) => function.split_at(at),
            None => (function, &b""[..]),
        };
        if place.contains_str(":") {
            frame.place = place.into();
        } else {
            frame.module = file_name(place).into();
            frame.offset = if function.is_empty() { offset.into() } else { BString::default() };
        }
        frame.function = demangled(function);
        Some(frame)
    }

    /// A frame that gdb printed: `#5  0x000055a76d09acb8 in psi_cond_timedwait ()`, `#0  f (x=1) at sql/x.cc:3`.
    pub fn of_gdb(line: &[u8]) -> Option<Frame> {
        let rest = line.strip_prefix(b"#")?.trim_start_with(|c| c.is_ascii_digit()).trim_start();
        let rest = match rest.strip_prefix(b"0x") {
            Some(address) => address.split_once_str(" in ")?.1,
            None => rest,
        };
        let (function, arguments) = rest.split_once_str(" (").unwrap_or((rest, b""));
        let mut frame = Frame { function: function.into(), ..Frame::default() };
        if let Some((_, place)) = arguments.rsplit_once_str(") at ") {
            frame.place = place.trim().into();
        } else if let Some((_, module)) = arguments.rsplit_once_str(") from ") {
            frame.module = file_name(module.trim()).into();
        }
        if frame.function == "??" {
            frame.function.clear();
        }
        Some(frame)
    }

    /// It belongs to the machinery around the program: the sanitizer's runtime, the C library, the loader, the
    /// server's handler of signals.
    pub fn is_machinery(&self) -> bool {
        let function = self.function.as_bstr();
        let bare = function.split_once_str("(").map_or(function.as_bytes(), |(name, _)| name);
        let place = self.place.as_bstr();
        FUNCTIONS.iter().any(|name| bare == name.as_bytes())
            || PREFIXES.iter().any(|prefix| bare.starts_with(prefix.as_bytes()))
            || PLACES.iter().any(|part| place.contains_str(part))
            || MODULES.iter().any(|prefix| self.module.starts_with(prefix.as_bytes()))
    }

    /// Nobody knows what was called.
    pub fn is_unknown(&self) -> bool {
        self.function.is_empty() && self.place.is_empty()
    }

    /// `start (faulty.c:20)`, `plugin_init(int*, char**, int) in mariadbd`, `mariadbd+0x84c852`.
    pub fn words(&self) -> BString {
        let place = short_place(self.place.as_bstr());
        let mut words = BString::default();
        if self.is_unknown() {
            words.extend_from_slice(if self.module.is_empty() { b"?" } else { &self.module });
            words.extend_from_slice(&self.offset);
        } else if self.function.is_empty() {
            words.extend_from_slice(place);
        } else {
            words.extend_from_slice(&self.function);
            if !place.is_empty() {
                words.extend_from_slice(&[b" (", place.as_bytes(), b")"].concat());
            } else if !self.module.is_empty() {
                words.extend_from_slice(&[b" in ", self.module.as_bytes()].concat());
            }
        }
        words
    }

    /// The function without its arguments, and the place: for a sentence.
    pub fn in_short(&self) -> BString {
        let function = match self.function.find_byte(b'(') {
            Some(at) if at > 0 => self.function[..at].into(),
            _ => self.function.clone(),
        };
        Frame { function, ..self.clone() }.words()
    }
}

/// The frames that tell something, in words: machinery left out, calls without names together, and not more than
/// [`SHOWN`].
pub fn folded(frames: &[Frame]) -> Vec<BString> {
    let telling: Vec<&Frame> = frames.iter().filter(|frame| !frame.is_machinery()).collect();
    let mut lines: Vec<BString> = Vec::new();
    let mut at = 0;
    while at < telling.len() && lines.len() < SHOWN {
        let frame = telling[at];
        let run = telling[at..].iter().take_while(|f| f.is_unknown() && f.module == frame.module).count();
        if run > 1 {
            let module = if frame.module.is_empty() { b"code".as_bstr() } else { frame.module.as_bstr() };
            lines.push(format!("({run} calls in {module} without symbols)").into());
        } else {
            lines.push(frame.words());
        }
        at += run.max(1);
    }
    if at < telling.len() {
        lines.push(format!("({} more)", telling.len() - at).into());
    }
    lines
}

/// The innermost frame that tells something; a named one, if there is one among the first few.
pub fn culprit(frames: &[Frame]) -> Option<&Frame> {
    let mut telling = frames.iter().filter(|frame| !frame.is_machinery());
    let first = telling.next()?;
    if first.is_unknown() {
        telling.take(SHOWN).find(|frame| !frame.is_unknown()).or(Some(first))
    } else {
        Some(first)
    }
}

/// Demangles a C++ name; any other text stays as it is.
pub fn demangled(name: &[u8]) -> BString {
    let mangled = name.strip_prefix(b"_").filter(|rest| rest.starts_with(b"_Z")).unwrap_or(name);
    if !mangled.starts_with(b"_Z") {
        return name.into();
    }
    match cpp_demangle::Symbol::new(mangled).ok().and_then(|symbol| symbol.demangle().ok()) {
        Some(text) => text.into(),
        None => name.into(),
    }
}

const FUNCTIONS: [&str; 46] = [
    "poll",
    "ppoll",
    "epoll_wait",
    "io_getevents",
    "syscall",
    "psi_cond_timedwait",
    "_start",
    "start_thread",
    "clone",
    "clone3",
    "abort",
    "raise",
    "gsignal",
    "pthread_kill",
    "malloc",
    "calloc",
    "realloc",
    "free",
    "memcpy",
    "memmove",
    "memset",
    "strdup",
    "strlen",
    "operator new",
    "operator new[]",
    "operator delete",
    "operator delete[]",
    "posix_memalign",
    "my_print_stacktrace",
    "handle_fatal_signal",
    "print_with_addr_resolve",
    "my_sigabrt_handler",
    "<signal handler called>",
    "<null>",
    "_nl_load_domain",
    "call_init",
    "killpg",
    "dlopen",
    "pfs_spawn_thread",
    "main",
    "read",
    "write",
    "pread64",
    "pwrite64",
    "send",
    "sendto",
];

const PREFIXES: [&str; 22] = [
    "__futex_",
    "___pthread_",
    "__interceptor_",
    "___interceptor_",
    "__asan",
    "__lsan",
    "__msan",
    "__tsan",
    "__ubsan",
    "__sanitizer",
    "__interception",
    "__libc_start",
    "__assert",
    "__GI_",
    "__restore_rt",
    "__pthread_kill",
    "__clone",
    "_dl_",
    "__dlopen",
    "__cxa_throw",
    "__gnu_cxx::__verbose_terminate",
    "std::terminate",
];

const PLACES: [&str; 15] = [
    "dlfcn/",
    "elf/dl-",
    "libsanitizer/",
    "compiler-rt/lib/",
    "sanitizer_common/",
    "sysdeps/",
    "csu/",
    "nptl/",
    "/libc-start.c:",
    "libc_sigaction.c:",
    "libc-start.c:",
    "posix/raise.c:",
    "stdlib/abort.c:",
    "stdlib/cxa_finalize.c:",
    "stdlib/exit.c:",
];

const MODULES: [&str; 10] = [
    "libc.so",
    "libc-2",
    "libpthread",
    "ld-linux",
    "libasan.so",
    "liblsan.so",
    "libubsan.so",
    "libtsan.so",
    "libclang_rt.",
    "linux-vdso",
];

/// `(inside)` at the end of `text`, and what is before it; brackets nest.
fn bracket_at_end(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = text.strip_suffix(b")")?;
    let mut depth = 1;
    for (at, byte) in body.iter().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            // A function's arguments follow its name without a blank.
            let alone = at == 0 || body[at - 1] == b' ';
            return alone.then(|| (body[..at].trim_end(), &body[at + 1..]));
        }
    }
    None
}

/// `file.c:20`, `file.c:20:7`, `/x/file.cc`.
fn is_place(word: &[u8]) -> bool {
    let line = word.rsplit_once_str(":").is_some_and(|(file, line)| {
        !file.is_empty() && !line.is_empty() && line.iter().all(u8::is_ascii_digit)
    });
    line || (word.starts_with(b"/") && word.contains(&b'.')) || word == b"<null>"
}

/// The last two parts of a path: enough to find the file, short enough to read.
pub fn short_place(place: &BStr) -> &BStr {
    match place.rfind_iter("/").nth(1) {
        Some(at) => place[at + 1..].as_bstr(),
        None => place,
    }
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit_once_str("/").map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(line: &str) -> (String, bool) {
        let frame = Frame::of_report(line.as_bytes()).unwrap_or_default();
        (frame.words().to_string(), frame.is_machinery())
    }

    fn server(line: &str) -> (String, bool) {
        let frame = Frame::of_server(line.as_bytes()).unwrap_or_default();
        (frame.words().to_string(), frame.is_machinery())
    }

    #[test]
    fn frames_of_reports() {
        let said = |words: &str| (words.to_owned(), false);
        assert_eq!(report("    #0 0x7fae2f1043a4 in start /p/faulty.c:20"), said("start (p/faulty.c:20)"));
        assert_eq!(
            report("    #0 0x7f in start t/faulty.c:20:7 (faulty.so+0x13a4) (BuildId: 01ab)"),
            said("start (t/faulty.c:20:7)")
        );
        assert_eq!(report("    #1 0x558929e7f852  (/usr/sbin/mariadbd+0x84c852)"), said("mariadbd+0x84c852"));
        assert_eq!(
            report("    #3 0x558929e85f45 in plugin_init(int*, char**, int) (/usr/sbin/mariadbd+0x852f45)"),
            said("plugin_init(int*, char**, int) in mariadbd")
        );
        assert_eq!(
            report("    #4 0x1 in _ZN4Item8fix_typeEP3THD /b/sql/item.cc:12"),
            said("Item::fix_type(THD*) (sql/item.cc:12)")
        );
        assert_eq!(
            report("    #1 0x1 in f(int*, char**) /my check out/sql/x.cc:12:7 (x.so+0x1)"),
            said("f(int*, char**) (sql/x.cc:12:7)")
        );
        assert_eq!(
            report("    #1 0x1 in f() const /my check/out x/x y.cc:12"),
            said("f() const (out x/x y.cc:12)")
        );
        assert_eq!(report("    #0 race /b/sql/x.cc:7 (mariadbd+0x12)"), said("race (sql/x.cc:7)"));
        assert_eq!(report("    #1 0x7f7bec105226  (<unknown module>)"), said("?"));
        assert_eq!(report("    #2 0x1 in operator() /b/sql/x.cc:9"), said("operator() (sql/x.cc:9)"));
        for line in [
            "    #0 0x1 in __interceptor_malloc ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:69",
            "    #0 0x1 in malloc (/usr/sbin/mariadbd+0x84c852)",
            "    #6 0x7fae2fa45249 in __libc_start_call_main ../sysdeps/nptl/libc_start_call_main.h:58",
            "    #8 0x558929d64ec0 in _start (/usr/sbin/mariadbd+0x731ec0)",
            "    #9 0x7f (/lib/x86_64-linux-gnu/libc.so.6+0x34ec2)",
            "    #1 0x2 in operator new(unsigned long) (/usr/sbin/mariadbd+0x84c852)",
        ] {
            assert!(report(line).1, "{line}");
        }
        assert_eq!(Frame::of_report(b"# 1 x"), None);
    }

    #[test]
    fn frames_of_the_server() {
        let said = |words: &str| (words.to_owned(), false);
        assert_eq!(
            server("/usr/sbin/mariadbd(_Z11plugin_initPiPPci+0x846)[0x558929e85f46]"),
            said("plugin_init(int*, char**, int) in mariadbd")
        );
        assert_eq!(server("/usr/sbin/mariadbd(+0x84c853)[0x558929e7f853]"), said("mariadbd+0x84c853"));
        assert_eq!(server("p/faulty.c:20(start)[0x7fae2f1043a5]"), said("start (p/faulty.c:20)"));
        assert_eq!(server("sql/sql_class.h:1(THD::f(int))[0x1]"), said("THD::f(int) (sql/sql_class.h:1)"));
        for line in [
            "mysys/stacktrace.c:212(my_print_stacktrace)[0x7f]",
            "/usr/sbin/mysqld(handle_fatal_signal+0x269)[0x55]",
            "libc_sigaction.c:0(__restore_rt)[0x7f]",
            "/lib/x86_64-linux-gnu/libc.so.6(+0x34ec2)[0x7f6f]",
            "x86/libc-start.c:74(__libc_start_call_main)[0x7fae2fa4524a]",
        ] {
            assert!(server(line).1, "{line}");
        }
        assert_eq!(Frame::of_server(b"2026-11-23 [ERROR] x (y) [z]"), None);
    }

    #[test]
    fn frames_of_a_debugger() {
        for (line, words) in [
            ("#5  0x000055a76d09acb8 in psi_cond_timedwait ()", "psi_cond_timedwait"),
            ("#15 0x0000558929e85f46 in plugin_init(int*, char**, int) ()", "plugin_init(int*, char**, int)"),
            ("#0  THD::f (this=0x1, g=0x2 <h (int)>) at /b/sql/x.cc:3", "THD::f (sql/x.cc:3)"),
            ("#6  0x000055a76d059c87 in ?? ()", "?"),
            ("#7  0x1 in g_main_loop () from /lib/libglib.so.0", "g_main_loop in libglib.so.0"),
        ] {
            assert_eq!(
                Frame::of_gdb(line.as_bytes()).map(|frame| frame.words()),
                Some(words.into()),
                "{line}"
            );
        }
        assert_eq!(Frame::of_gdb(b"Thread 1 (LWP 7)"), None);
    }

    #[test]
    fn a_stack_is_folded() {
        let lines = [
            "#0 0x1 in __interceptor_free x/libsanitizer/a.cpp:1",
            "#1 0x1 (/usr/sbin/mariadbd+0x1)",
            "#2 0x1 (/usr/sbin/mariadbd+0x2)",
            "#3 0x1 in f (/usr/sbin/mariadbd+0x2)",
        ];
        let frames: Vec<Frame> = lines.iter().filter_map(|line| Frame::of_report(line.as_bytes())).collect();
        assert_eq!(folded(&frames), ["(2 calls in mariadbd without symbols)", "f in mariadbd"]);
        assert_eq!(culprit(&frames).map(Frame::words), Some("f in mariadbd".into()));
        let many = vec![Frame { function: "g".into(), ..Frame::default() }; 20];
        assert_eq!(folded(&many).last(), Some(&"(12 more)".into()));
    }
}
