//! The commands that set a filter for the next output (spec §6.3).

use std::rc::Rc;

use crate::interp::filter::{ReplaceColumn, Replacer};
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::{regex_list, replace_list};

/// `replace_result from to …`: takes the place of an earlier list.
pub fn replace_result(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let arguments = &text[stored.arguments..];
    let pairs = replace_list::parse_pairs(arguments, &text, interp.charset, &mut interp.variables)?;
    let replacer = Replacer::new(pairs).ok_or_else(|| {
        Stop::Die([b"Can't initialize replace from '", text.as_slice(), b"'"].concat().into())
    })?;
    interp.filters.set_replace(replacer);
    Ok(())
}

/// `replace_regex /pattern/replacement/[i] …`: without arguments it ends an earlier one.
pub fn replace_regex(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let list = regex_list::parse(&text[stored.arguments..], interp.charset, &mut interp.variables)?;
    interp.filters.set_regex(list);
    Ok(())
}

/// `replace_column number text …`: takes the place of an earlier one.
pub fn replace_column(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let text = stored.text.borrow();
    let arguments = &text[stored.arguments..];
    let mut columns = ReplaceColumn::default();
    for (number, text) in
        replace_list::parse_columns(arguments, &text, interp.charset, &mut interp.variables)?
    {
        columns.set(usize::from(number), text);
    }
    interp.filters.set_columns(columns);
    Ok(())
}

/// `replace_numeric_round DIGITS`.
pub fn replace_numeric_round(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let precision = interp.argument(stored)?;
    interp.filters.set_numeric_round(replace_list::parse_precision(&precision)?.into());
    Ok(())
}

/// `sorted_result`.
pub fn sorted_result(interp: &mut Interp) -> Done {
    interp.filters.sorted = true;
    Ok(())
}

/// `lowercase_result`.
pub fn lowercase_result(interp: &mut Interp) -> Done {
    interp.filters.set_lowercase();
    Ok(())
}
