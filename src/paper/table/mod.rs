//! Table 1 of the paper: four anycast infrastructures, compared by numbers where the paper has words.
//!
//! - [`cells`]: the paper's words, and what was found of each
//! - [`arena`]: an infrastructure, its members and its clients in the simulated network; [`ground`]: networks
//! - [`range`], [`ease`], [`near`], [`peers`], [`groups`]: its rows

mod arena;
mod cells;
mod ease;
mod ground;
mod groups;
mod near;
mod peers;
mod range;

use anyhow::Result;

use super::Setup;
use super::page::Page;
use cells::Cells;

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("table-1", "Four anycast infrastructures");
    page.text(
        "The paper's Table 1 compares plain IP anycast, PIAS, i3 and OASIS by words. Here each cell is measured: a word is \
         confirmed if the numbers are on the right side of lines that are stated. Servers, members and clients are the same \
         machines in the simulated network and on hosts of a lab. Intervals are of 95 %.",
    );
    let mut cells = Cells::default();
    range::measure(setup, &mut page, &mut cells);
    ease::measure(setup, &mut page, &mut cells)?;
    near::measure(setup, &mut page, &mut cells)?;
    peers::neighbors(setup, &mut page, &mut cells);
    peers::random(setup, &mut page, &mut cells);
    groups::measure(setup, &mut page, &mut cells);
    cells.judge(&mut page);
    Ok(page)
}
