//! Floats of 16 bits, which are computed with as `f32`.

/// Nearest, ties to even.
pub fn f16_from_f32(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let half = if magnitude >= 0x4780_0000 {
        if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 }
    } else if magnitude < 0x3880_0000 {
        // The sum has the spacing of subnormal halves, so the addition rounds.
        (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5f32.to_bits()
    } else {
        let odd = magnitude >> 13 & 1;
        (magnitude - 0x3800_0000 + 0xfff + odd) >> 13
    };
    sign | half as u16
}

pub fn f32_from_f16(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff) << 13;
    let value = if half & 0x7c00 == 0x7c00 {
        magnitude | 0x7f80_0000
    } else {
        // Moves the exponent, and normalises what is subnormal.
        (f32::from_bits(magnitude) * f32::from_bits(0x7780_0000)).to_bits()
    };
    f32::from_bits(value | sign)
}

/// Nearest, ties to even.
pub fn bf16_from_f32(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

pub fn f32_from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_round_trip() {
        for half in 0..=u16::MAX {
            let wide = f32_from_f16(half);
            if wide.is_nan() {
                assert!(f32_from_f16(f16_from_f32(wide)).is_nan());
            } else {
                assert_eq!(f16_from_f32(wide), half);
            }
            let wide = f32_from_bf16(half);
            assert!(wide.is_nan() && f32_from_bf16(bf16_from_f32(wide)).is_nan() || bf16_from_f32(wide) == half);
        }
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_even() {
        let cases = [
            (1.0, 0x3c00),
            (65504.0, 0x7bff),
            (65519.0, 0x7bff),
            (65520.0, 0x7c00),
            (1e9, 0x7c00),
            (2.0f32.powi(-24), 1),
            (2.0f32.powi(-25), 0),
            (1.5 * 2.0f32.powi(-25), 1),
            (1.0 + 2.0f32.powi(-11), 0x3c00),
            (1.0 + 3.0 * 2.0f32.powi(-11), 0x3c02),
            (-2.0, 0xc000),
        ];
        for (value, half) in cases {
            assert_eq!(f16_from_f32(value), half, "{value}");
        }
        assert_eq!(bf16_from_f32(1.0 + 2.0f32.powi(-8)), 0x3f80);
        assert_eq!(bf16_from_f32(1.0 + 3.0 * 2.0f32.powi(-8)), 0x3f82);
        assert_eq!(bf16_from_f32(f32::MAX), 0x7f80);
    }
}
