package rule

import (
	"unicode"
	"unicode/utf16"
)

// textLength counts s as LINE counts most texts: in UTF-16 code units.
func textLength(s string) int {
	n := 0
	for _, c := range s {
		n += unitsOf(c)
	}
	return n
}

// unitsOf returns how many UTF-16 code units a character takes.
func unitsOf(c rune) int { return max(1, utf16.RuneLen(c)) }

// graphemeCount counts s in characters as people see them, as LINE counts labels and templates ("Character
// counting in a text"): accents, skin tones and what a zero-width joiner adds belong to the character before
// them, two letters of a flag are one. It knows the common cases of the Unicode rules, not all.
func graphemeCount(s string) int {
	const joiner, keycap = '\u200d', '\u20e3'
	n, joined, flag := 0, false, false
	for _, c := range s {
		regional := c >= 0x1f1e6 && c <= 0x1f1ff
		switch {
		case c == joiner:
			joined = true
			continue
		case unicode.In(c, unicode.Mn, unicode.Me, unicode.Mc), c == keycap,
			c >= 0x1f3fb && c <= 0x1f3ff, c >= 0xe0020 && c <= 0xe007f: // skin tones, tags
		case joined:
		case regional && flag:
			flag = false
			continue
		default:
			n++
		}
		joined, flag = false, regional
	}
	return n
}
