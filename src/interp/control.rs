//! Blocks, `source`, `let` and the other commands that steer the script (spec §4, §5, §6.9, §14).

use std::path::Path;
use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice};

use super::state::{Block, Interp, Stored};
use super::stop::{Done, Stop};
use crate::script::condition::{self, Condition};

/// How deep blocks may nest, the script's own level not counted (spec §5.1).
const MAX_BLOCKS: usize = 31;

impl Interp {
    /// `if (…) {` and `while (…) {`.
    pub(super) fn open_block(&mut self, stored: &Rc<Stored>, is_while: bool) -> Done {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(Stop::die("Nesting too deeply"));
        }
        let header = self.counter;
        self.counter += 1;
        let runs = self.runs() && self.condition(stored, is_while)?;
        let delimiter = (!runs).then(|| self.delimiter.clone());
        self.blocks.push(Block { is_while, runs, header, delimiter });
        Ok(())
    }

    /// `}` and `end`.
    pub(super) fn close_block(&mut self, stored: &Rc<Stored>) -> Done {
        let Some(block) = self.blocks.pop() else {
            let what = if stored.text.borrow().starts_with(b"}") { "'}'" } else { "'end' command" };
            return Err(Stop::Die(format!("Stray {what} - end of block before beginning").into()));
        };
        self.counter += 1;
        if block.is_while && block.runs {
            self.counter = block.header;
        }
        if let Some(delimiter) = block.delimiter {
            self.delimiter = delimiter;
        }
        Ok(())
    }

    fn condition(&mut self, stored: &Rc<Stored>, is_while: bool) -> Done<bool> {
        let word: &str = if is_while { "while" } else { "if" };
        let text = stored.text.borrow();
        let condition = match condition::parse(&text[stored.arguments..], word, self.charset) {
            Ok(condition) => condition,
            Err(error) => {
                drop(text);
                self.fail(error)?;
                return Ok(false);
            }
        };
        self.holds(stored, condition)
    }
}
