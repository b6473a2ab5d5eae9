//! The `sf` binary; everything is in the library beside it, so that `xtask` can ask it for the command reference.

fn main() -> std::process::ExitCode {
    sf_cli::main()
}
