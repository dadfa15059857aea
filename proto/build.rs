//! Compiles the `.proto` files without protoc: protox parses them, tonic's generator writes the code.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

/// Every file of the module; imports of Google's well-known types come with protox.
const FILES: &[&str] = &[
    "tercet/v1/admin_service.proto",
    "tercet/v1/fence_service.proto",
    "tercet/v1/initiator.proto",
    "tercet/v1/participant.proto",
    "tercet/v1/participant_stream.proto",
    "tercet/v1/transaction.proto",
    "tercet/v1/transaction_service.proto",
    "tercet/storage/v1/storage.proto",
    "shop/order/v1/create_order_service.proto",
    "shop/order/v1/order_service.proto",
    "shop/points/v1/points_service.proto",
    "shop/points/v1/spend_points_service.proto",
    "shop/stock/v1/notify_service.proto",
    "shop/stock/v1/reserve_stock_service.proto",
    "shop/stock/v1/stock_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(FILES)?;
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
