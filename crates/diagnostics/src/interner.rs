//! Names as small numbers: equal text has equal symbols for the whole process.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

#[derive(Default)]
struct Interner {
    texts: Vec<&'static str>,
    ids: HashMap<&'static str, u32>,
}

thread_local! {
    static INTERNER: RefCell<Interner> = RefCell::default();
}

impl Symbol {
    pub fn new(text: &str) -> Symbol {
        INTERNER.with_borrow_mut(|interner| {
            if let Some(&id) = interner.ids.get(text) {
                return Symbol(id);
            }
            let id = interner.texts.len() as u32;
            // Names live as long as the process, which compiles one program.
            let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
            interner.texts.push(text);
            interner.ids.insert(text, id);
            Symbol(id)
        })
    }

    pub fn as_str(self) -> &'static str {
        INTERNER.with_borrow(|interner| interner.texts[self.0 as usize])
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}`", self.as_str())
    }
}
