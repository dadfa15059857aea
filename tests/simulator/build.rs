//! Brings in the fence's verdict from the participant SDK's own source file.
//!
//! The SDK comes with SQL and gRPC, and all that is wanted here is the one pure function that decides what runs. So
//! its file is compiled a second time, as it stands, without the module documentation and the mount of its unit tests.

use std::{env, error::Error, fs, path::Path};

const VERDICT: &str = "../../participants/sdk/src/fence/verdict.rs";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={VERDICT}");
    println!("cargo:rerun-if-changed=build.rs");
    let source = fs::read_to_string(VERDICT)?;
    let body: Vec<&str> = source
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .take_while(|line| *line != "#[cfg(test)]")
        .collect();
    let target = Path::new(&env::var("OUT_DIR")?).join("verdict.rs");
    fs::write(target, body.join("\n"))?;
    Ok(())
}
