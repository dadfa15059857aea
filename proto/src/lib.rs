//! The wire contract: generated messages, clients and servers, and nothing else.
//!
//! The sources of truth are the `.proto` files beside this crate's manifest; each module here is one
//! proto package. Conversions to and from the coordinator's own types live with those who need them,
//! never here. Read on in `proto/tercet/v1/transaction_service.proto`.

/// Every file of the module with its imports, as an encoded `google.protobuf.FileDescriptorSet`: for
/// server reflection, and for reading and writing proto3 JSON by descriptor.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// Declares the module `v1` of one proto package. The generators don't write for this project's lints.
macro_rules! package {
    ($(#[$doc:meta])* $name:literal) => {
        $(#[$doc])*
        #[allow(
            missing_docs,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            clippy::allow_attributes_without_reason,
            reason = "generated code"
        )]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
        }
    };
}

/// The coordinator's own packages.
pub mod tercet {
    package! {
        /// What applications, operators and participants see.
        "tercet.v1"
    }

    /// Blobs of the coordinator's log; no service offers them.
    pub mod storage {
        package! {
            /// Written by this version, read by every later one.
            "tercet.storage.v1"
        }
    }
}

/// The demo shop.
pub mod shop {
    /// Orders.
    pub mod order {
        package! {
            /// Placing orders, and the action `order.create`.
            "shop.order.v1"
        }
    }

    /// Payments.
    pub mod payment {
        package! {
            /// Payments through an outside provider, and the action `payment.refund`.
            "shop.payment.v1"
        }
    }

    /// The test provider.
    pub mod provider {
        package! {
            /// What a shop sees of a payment provider, and how a test plays the customer.
            "shop.provider.v1"
        }
    }

    /// Points.
    pub mod points {
        package! {
            /// Accounts, and the action `points.spend`.
            "shop.points.v1"
        }
    }

    /// Stock.
    pub mod stock {
        package! {
            /// Stock, and the actions `stock.reserve` and `stock.notify`.
            "shop.stock.v1"
        }
    }
}

#[cfg(test)]
mod tests;
