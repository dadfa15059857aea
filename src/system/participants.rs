//! The shop as a coordinator knows it: its participants, and what each of them offers. The one place that names them.

use std::fmt::Write as _;

use tercet_core::Verbs;

/// A participant of the shop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShopParticipant {
    /// As branches name it; the command of its process, too.
    pub(crate) name: &'static str,
    /// Each action's name, the full name of its service, and its verbs.
    pub(crate) actions: &'static [(&'static str, &'static str, Verbs)],
}

impl ShopParticipant {
    /// Its part of a coordinator's configuration file.
    pub(crate) fn toml(&self, endpoint: &str) -> String {
        let name = self.name;
        let mut text = format!(
            "[participants.{name}]\nendpoints = [\"{endpoint}\"]\n[participants.{name}.actions]\n"
        );
        for (action, service, verbs) in self.actions {
            let _ = match verbs {
                Verbs::Message => writeln!(
                    text,
                    "{action} = {{ service = \"{service}\", verbs = [\"confirm\"] }}"
                ),
                _ => writeln!(text, "{action} = \"{service}\""),
            };
        }
        text
    }
}

/// All of them.
pub(crate) const fn shop_participants() -> [ShopParticipant; 4] {
    [
        ShopParticipant {
            name: "order",
            actions: &[
                ("create", shop_order::CREATE, Verbs::Tcc),
                ("pay", shop_order::PAY, Verbs::Tcc),
                ("close", shop_order::CLOSE, Verbs::Tcc),
                ("release_hold", shop_order::RELEASE_HOLD, Verbs::Tcc),
                ("refund", shop_order::REFUND, Verbs::Tcc),
                ("return", shop_order::RETURN, Verbs::Tcc),
            ],
        },
        ShopParticipant {
            name: "points",
            actions: &[
                ("spend", shop_points::SPEND, Verbs::Tcc),
                ("grant", shop_points::GRANT, Verbs::Message),
                ("refund", shop_points::REFUND, Verbs::Tcc),
            ],
        },
        ShopParticipant {
            name: "stock",
            actions: &[
                ("reserve", shop_stock::RESERVE, Verbs::Tcc),
                ("sell", shop_stock::SELL, Verbs::Tcc),
                ("release", shop_stock::RELEASE, Verbs::Tcc),
                ("return", shop_stock::RETURN, Verbs::Tcc),
                ("notify", shop_stock::NOTIFY, Verbs::Message),
            ],
        },
        ShopParticipant {
            name: "payment",
            actions: &[("refund", shop_payment::REFUND, Verbs::Tcc)],
        },
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tercet_proto::FILE_DESCRIPTOR_SET;

    use super::*;
    use crate::system::CoordinatorConfig;

    #[test]
    fn every_action_is_a_service_that_there_is_with_its_verbs() {
        let pool = prost_reflect::DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        for participant in shop_participants() {
            for (action, service, verbs) in participant.actions {
                let found = pool.get_service_by_name(service);
                let found = found.unwrap_or_else(|| panic!("{action}: no service {service}"));
                let methods: Vec<String> = found.methods().map(|it| it.name().to_owned()).collect();
                let expected: &[&str] = match verbs {
                    Verbs::Message => &["Confirm"],
                    _ => &["Try", "Confirm", "Cancel"],
                };
                assert_eq!(methods, expected, "{service}");
            }
        }
    }

    #[test]
    fn a_file_of_it_is_a_coordinators() {
        let text: String = shop_participants()
            .iter()
            .map(|participant| participant.toml("http://127.0.0.1:7"))
            .collect();
        let merged = tercet_service::config::Merged::parse("file.toml", &text, []).unwrap();
        let config: CoordinatorConfig = merged.extract().unwrap();
        assert_eq!(config.participants.len(), 4);
    }
}
