package rule

import "strings"

// idDigits is the number of hexadecimal digits behind the letter of a user, group or room ID.
const idDigits = 32

// ChatID reports whether id is one letter of kinds, such as "UCR" for users, groups and rooms, and 32
// hexadecimal digits in lower case.
func ChatID(id, kinds string) bool {
	return len(id) == 1+idDigits && strings.IndexByte(kinds, id[0]) >= 0 && isHex(id[1:])
}

// RetryKey returns the value of X-Line-Retry-Key in lower case; ok is false when it is not a UUID. An empty
// header counts as none: the official SDK for Go sends one.
func RetryKey(v string) (key string, ok bool) {
	if v == "" {
		return "", true
	}
	v = strings.ToLower(v)
	if len(v) != 36 {
		return "", false
	}
	for i, part := range strings.Split(v, "-") {
		want := [...]int{8, 4, 4, 4, 12}
		if i >= len(want) || len(part) != want[i] || !isHex(part) {
			return "", false
		}
	}
	return v, true
}

// isHex reports whether s consists of hexadecimal digits in lower case.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
