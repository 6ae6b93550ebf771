//! `anybed`: parses the command line, runs the command, ends with its exit code.

use clap::Parser;

fn main() {
    let begun = anybed::kernel::now();
    let code = anybed::cli::run(anybed::cli::Cli::parse(), begun);
    std::process::exit(code);
}
