package gateway

import (
	"slices"

	"github.com/tidwall/gjson"
)

// edit is a new value of a property.
type edit struct {
	path  string // of gjson
	value string // JSON
}

// appendEdited appends a JSON object with some of its values replaced. All else
// stays as it is, byte for byte; a property that the object does not have is not
// added.
func appendEdited(b, object []byte, edits []edit) []byte {
	type span struct {
		from, to int
		value    string
	}
	var spans []span
	for _, e := range edits {
		if old := gjson.GetBytes(object, e.path); old.Index > 0 {
			spans = append(spans, span{old.Index, old.Index + len(old.Raw), e.value})
		}
	}
	slices.SortFunc(spans, func(x, y span) int { return x.from - y.from })
	at := 0
	for _, s := range spans {
		if s.from < at {
			continue // unreachable: no path lies within another
		}
		b = append(append(b, object[at:s.from]...), s.value...)
		at = s.to
	}
	return append(b, object[at:]...)
}
