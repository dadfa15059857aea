//! The wire contract: generated messages, clients and servers, and nothing else.
//!
//! The sources of truth are the `.proto` files beside this crate's manifest; each module here is one
//! proto package. Conversions to and from the coordinator's own types live with those who need them,
//! never here. Read on in `proto/tercet/v1/transaction_service.proto`.

/// Every file of the module with its imports, as an encoded `google.protobuf.FileDescriptorSet`: for
/// server reflection, and for reading and writing proto3 JSON by descriptor.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// Declares the module of one proto package.
macro_rules! package {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}

/// The coordinator's own packages.
pub mod tercet {
    /// `tercet.v1`: what applications, operators and participants see.
    #[allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        reason = "generated code"
    )]
    pub mod v1 {
        package!("tercet.v1");
    }

    /// Blobs of the coordinator's log; no service offers them.
    pub mod storage {
        /// `tercet.storage.v1`: written by this version, read by every later one.
        #[allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            reason = "generated code"
        )]
        pub mod v1 {
            package!("tercet.storage.v1");
        }
    }
}

/// The demo shop.
pub mod shop {
    /// Orders.
    pub mod order {
        /// `shop.order.v1`: placing orders, and the action `order.create`.
        #[allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            reason = "generated code"
        )]
        pub mod v1 {
            package!("shop.order.v1");
        }
    }

    /// Points.
    pub mod points {
        /// `shop.points.v1`: accounts, and the action `points.spend`.
        #[allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            reason = "generated code"
        )]
        pub mod v1 {
            package!("shop.points.v1");
        }
    }

    /// Stock.
    pub mod stock {
        /// `shop.stock.v1`: stock, and the actions `stock.reserve` and `stock.notify`.
        #[allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            reason = "generated code"
        )]
        pub mod v1 {
            package!("shop.stock.v1");
        }
    }
}
