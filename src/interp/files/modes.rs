//! The permission bits of new files and directories, before the process's umask takes some away.

/// Permission bits that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// Of a file: 0660, or `UMASK` with 0600 added.
    pub file: u32,
    /// Of a directory: 0700, or `UMASK_DIR` with 0700 added.
    pub directory: u32,
}

impl Modes {
    /// The modes that the environment at the program's start asks for with `UMASK` and `UMASK_DIR`.
    ///
    /// A number that begins with 0 is octal, any other decimal; it ends before the first byte that is no
    /// digit of its kind, and is 0 if there is none.
    pub fn new(umask: Option<&[u8]>, umask_dir: Option<&[u8]>) -> Modes {
        Modes {
            file: umask.map_or(0o660, |text| number(text) | 0o600) & 0o7777,
            directory: umask_dir.map_or(0o700, |text| number(text) & 0o777 | 0o700),
        }
    }
}

/// The number at which the environment's text begins, after blanks.
fn number(text: &[u8]) -> u32 {
    let text = text.trim_ascii_start();
    let radix = if text.first() == Some(&b'0') { 8 } else { 10 };
    let digits = text.iter().map_while(|&byte| char::from(byte).to_digit(radix));
    digits.fold(0, |number: u32, digit| number.saturating_mul(radix).saturating_add(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(umask: &str, umask_dir: &str) -> (u32, u32) {
        let modes = Modes::new(Some(umask.as_bytes()), Some(umask_dir.as_bytes()));
        (modes.file, modes.directory)
    }

    #[test]
    fn as_the_reference_reads_them() {
        assert_eq!(Modes::new(None, None), Modes { file: 0o660, directory: 0o700 });
        assert_eq!(modes("0660", "0770"), (0o660, 0o770));
        assert_eq!(modes("0022", "0011"), (0o622, 0o711));
        assert_eq!(modes("777", "0x1ff"), (0o1611, 0o700));
        assert_eq!(modes("9", "438"), (0o611, 0o766));
        assert_eq!(modes(" 0668", "770x"), (0o666, 0o702));
        assert_eq!(modes("abc", "-1"), (0o600, 0o700));
    }
}
