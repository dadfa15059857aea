//! Compiles the `.proto` files without protoc: protox parses them, tonic's generator writes the code.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

use prost::Message as _;

/// Folders of the buf module. Imports of Google's well-known types come with protox.
const PACKAGES: &[&str] = &["tercet", "shop"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for package in PACKAGES {
        // A folder is watched with everything in it, so that a new file is noticed too.
        println!("cargo:rerun-if-changed={package}");
        collect(Path::new(package), &mut files)?;
    }
    // The order of a folder's listing is the file system's; the output must not depend on it.
    files.sort();

    let mut compiler = protox::Compiler::new(["."])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)?;
    let descriptors = compiler.file_descriptor_set();

    // Served by reflection: nobody reads comments there, so they stay out of the binary.
    let mut served = descriptors.clone();
    for file in &mut served.file {
        file.source_code_info = None;
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.binpb"), served.encode_to_vec())?;

    // `Bytes` instead of `Vec<u8>`: payloads pass through the coordinator without being copied.
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}

/// Adds every `.proto` file below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ext| ext == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
