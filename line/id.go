package line

import (
	"net/url"
	"regexp"
)

// The forms of LINE's IDs. Webhook reference, Source user, and by its examples
// Source group chat and Source multi-person chat; message IDs are decimal and
// have 18 digits today.
var (
	userIDForm    = regexp.MustCompile(`^U[0-9a-f]{32}$`)
	groupIDForm   = regexp.MustCompile(`^C[0-9a-f]{32}$`)
	roomIDForm    = regexp.MustCompile(`^R[0-9a-f]{32}$`)
	messageIDForm = regexp.MustCompile(`^[0-9]{1,32}$`)
	retryKeyForm  = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

func checkUserID(endpoint, id string) error {
	if !userIDForm.MatchString(id) {
		return invalid(endpoint, "not a user ID: it is U and 32 hexadecimal digits")
	}
	return nil
}

func checkGroupID(endpoint, id string) error {
	if !groupIDForm.MatchString(id) {
		return invalid(endpoint, "not a group ID: it is C and 32 hexadecimal digits")
	}
	return nil
}

func checkRoomID(endpoint, id string) error {
	if !roomIDForm.MatchString(id) {
		return invalid(endpoint, "not a room ID: it is R and 32 hexadecimal digits")
	}
	return nil
}

func checkMessageID(endpoint, id string) error {
	if !messageIDForm.MatchString(id) {
		return invalid(endpoint, "not a message ID: it is decimal digits")
	}
	return nil
}

// checkRetryKey accepts "" for none.
func checkRetryKey(endpoint, key string) error {
	if key != "" && !retryKeyForm.MatchString(key) {
		return invalid(endpoint, "retry key is not a UUID such as 123e4567-e89b-12d3-a456-426614174000")
	}
	return nil
}

// segment escapes an ID for a path. The forms above leave nothing to escape:
// it stands between a mistake in them and another address.
func segment(id string) string { return url.PathEscape(id) }
