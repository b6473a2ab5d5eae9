//! The `sf` binary; everything is in the library beside it, so that `xtask` can ask it for the command reference.

/// Every request that passes through the embedded host allocates a few dozen times, on two threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sf_cli::main()
}
