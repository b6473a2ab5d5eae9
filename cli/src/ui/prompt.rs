//! Questions, asked on stderr and only where somebody can answer ([`Ui::interactive`]); every one has a flag that answers it.

use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, Password, Select};

use super::Ui;
use crate::errors::{Error, Exit};

impl Ui {
    /// Yes or no; Enter says no.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool, Error> {
        Confirm::with_theme(&*self.theme()).with_prompt(question).default(false).interact().map_err(answer)
    }

    /// A line of text that `valid` accepts.
    pub(crate) fn ask(
        &self,
        question: &str,
        default: &str,
        valid: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Error> {
        Input::with_theme(&*self.theme())
            .with_prompt(question)
            .default(default.to_owned())
            .validate_with(|text: &String| valid(text))
            .interact_text()
            .map_err(answer)
    }

    /// A text that is not shown, twice, so that a slip is noticed.
    pub(crate) fn ask_hidden(&self, question: &str) -> Result<String, Error> {
        Password::with_theme(&*self.theme())
            .with_prompt(question)
            .with_confirmation("Once more", "the two are not the same")
            .interact()
            .map_err(answer)
    }

    /// One of several; the number of the chosen one.
    pub(crate) fn choose(&self, question: &str, items: &[String]) -> Result<usize, Error> {
        Select::with_theme(&*self.theme())
            .with_prompt(question)
            .items(items)
            .default(0)
            .interact()
            .map_err(answer)
    }

    fn theme(&self) -> Box<dyn Theme> {
        if self.colors() { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) }
    }
}

/// Shows the cursor again when it is dropped: for who stops waiting for the answer to a question, which hid it.
pub(crate) struct Cursor;

impl Drop for Cursor {
    fn drop(&mut self) {
        let _ = dialoguer::console::Term::stderr().show_cursor();
    }
}

/// No answer: Ctrl-C, or the terminal went away.
fn answer(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(cause) = error;
    // An interrupted question does not do it.
    drop(Cursor);
    if cause.kind() == std::io::ErrorKind::Interrupted {
        Error::new(Exit::Interrupted, "interrupted", "interrupted: nothing was done")
    } else {
        Error::io("read an answer from", "the terminal", &cause)
    }
}
