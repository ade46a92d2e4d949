//! A question before something is done that cannot be taken back.

use std::io::{IsTerminal, Write};

use crate::{
    failure::{Exit, Failure, told, usage},
    print::printable_lines,
};

/// Asks whether to go on, where somebody can answer; elsewhere `--yes` has to be said.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let question = printable_lines(question);
    let mut screen = std::io::stderr();
    if !(std::io::stdin().is_terminal() && screen.is_terminal()) {
        let message = format!("{question} Nobody can be asked here: say --yes.");
        return Err(usage(message));
    }
    write!(screen, "{question} [y/N] ")?;
    screen.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(told(Exit::Failed, "nothing was done")),
    }
}
