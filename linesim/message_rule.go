package linesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// rule looks at a value and reports what is wrong with it. Rules never change once they are made.
type rule func(r *report, v gjson.Result)

// report gathers what rules found, with the place of the value that is looked at.
type report struct {
	details []errorDetail
	path    []step
}

// step is one part of a place: a property, or an index in a list where name is empty.
type step struct {
	name  string
	index int
}

// add reports the value that is looked at.
func (r *report) add(message string) {
	var b strings.Builder
	for i, s := range r.path {
		switch {
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	r.details = append(r.details, errorDetail{Message: message, Property: b.String()})
}

// under looks at a part of the value.
func (r *report) under(s step, check rule, v gjson.Result) {
	r.path = append(r.path, s)
	check(r, v)
	r.path = r.path[:len(r.path)-1]
}

// Texts of errors. "May not be empty", "Length must be between" and "Size must be between" are LINE's (Messaging
// API reference, "Error responses"); LINE does not document the others.
const (
	mayNotBeEmpty = "May not be empty"
	mayNotBeNull  = "May not be null"
	badURL        = "invalid uri scheme"
)

func sizeBetween(least, most int) string {
	return fmt.Sprintf("Size must be between %d and %d", least, most)
}

func lengthBetween(least, most int) string {
	return fmt.Sprintf("Length must be between %d and %d", least, most)
}

// field is a property of an object.
type field struct {
	name     string
	required bool
	check    rule // nil = anything
}

// must is a property that has to be there and not empty.
func must(name string, check rule) field { return field{name, true, check} }

// may is a property that can be left out.
func may(name string, check rule) field { return field{name, false, check} }

// maxFields is how many properties of one object have rules.
const maxFields = 16

// object takes an object with these properties, and any others: LINE ignores what it does not know.
func object(fields ...field) rule {
	return func(r *report, v gjson.Result) {
		if !v.IsObject() {
			r.add(mayNotBeNull)
			return
		}
		var found [maxFields]gjson.Result
		v.ForEach(func(name, value gjson.Result) bool {
			for i := range fields {
				if fields[i].name == name.Str {
					found[i] = value
				}
			}
			return true
		})
		for i, f := range fields {
			switch got := found[i]; {
			case isEmpty(got) && f.required:
				r.under(step{name: f.name}, func(r *report, _ gjson.Result) { r.add(mayNotBeEmpty) }, got)
			case f.check != nil && got.Exists() && got.Type != gjson.Null:
				r.under(step{name: f.name}, f.check, got)
			}
		}
	}
}

// isEmpty reports whether a value is missing, null or an empty string.
func isEmpty(v gjson.Result) bool {
	return !v.Exists() || v.Type == gjson.Null || v.Type == gjson.String && v.Str == ""
}

// byType takes an object whose "type" is one of those given, and checks it by the rule of that type.
func byType(types map[string]rule) rule {
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	unknown := "Must be one of the following values: [" + strings.Join(names, ", ") + "]"
	return func(r *report, v gjson.Result) {
		if !v.IsObject() {
			r.add(mayNotBeNull)
			return
		}
		kind := v.Get("type")
		check, known := types[kind.Str]
		switch {
		case isEmpty(kind):
			r.under(step{name: "type"}, func(r *report, _ gjson.Result) { r.add(mayNotBeEmpty) }, kind)
		case !known:
			r.under(step{name: "type"}, func(r *report, _ gjson.Result) { r.add(unknown) }, kind)
		default:
			check(r, v)
		}
	}
}

// list takes an array of so many values.
func list(least, most int, each rule) rule {
	return func(r *report, v gjson.Result) {
		if !v.IsArray() {
			r.add(mayNotBeNull)
			return
		}
		all := v.Array()
		if len(all) < least || len(all) > most {
			r.add(sizeBetween(least, most))
			return
		}
		for i, one := range all {
			r.under(step{index: i}, each, one)
		}
	}
}

// units takes a text of up to so many UTF-16 code units ("Character counting in a text").
func units(most int) rule {
	return func(r *report, v gjson.Result) {
		if v.Type != gjson.String {
			r.add(mayNotBeEmpty)
		} else if len(v.Str) > most && textLength(v.Str) > most { // a text has at least as many bytes as units
			r.add(lengthBetween(0, most))
		}
	}
}

// graphemes takes a text of up to so many characters as people count them.
func graphemes(most int) rule {
	return func(r *report, v gjson.Result) {
		if v.Type != gjson.String {
			r.add(mayNotBeEmpty)
		} else if len(v.Str) > most && graphemeCount(v.Str) > most {
			r.add(lengthBetween(0, most))
		}
	}
}

// maxURL is the length of the URL of something that LINE fetches.
const maxURL = 2000

// mediaURL takes the https URL of something that LINE fetches.
func mediaURL(r *report, v gjson.Result) { checkURL(r, v, maxURL, "https://") }

// urlRule takes a URL of up to so many characters that begins with one of the schemes.
func urlRule(most int, schemes ...string) rule {
	return func(r *report, v gjson.Result) { checkURL(r, v, most, schemes...) }
}

func checkURL(r *report, v gjson.Result, most int, schemes ...string) {
	switch {
	case v.Type != gjson.String:
		r.add(mayNotBeEmpty)
	case textLength(v.Str) > most:
		r.add(lengthBetween(0, most))
	case !slices.ContainsFunc(schemes, func(s string) bool {
		return len(v.Str) > len(s) && strings.EqualFold(v.Str[:len(s)], s)
	}):
		r.add(badURL)
	}
}

// oneOf takes one of the given strings.
func oneOf(values ...string) rule {
	message := "Must be one of the following values: [" + strings.Join(values, ", ") + "]"
	return func(r *report, v gjson.Result) {
		if v.Type != gjson.String || !slices.Contains(values, v.Str) {
			r.add(message)
		}
	}
}

// integer takes a whole number.
func integer(least, most int64) rule {
	return func(r *report, v gjson.Result) {
		if v.Type != gjson.Number || v.Num != float64(v.Int()) || v.Int() < least || v.Int() > most {
			r.add(fmt.Sprintf("Must be between %d and %d", least, most))
		}
	}
}

// number takes any number in a range.
func number(least, most float64) rule {
	return func(r *report, v gjson.Result) {
		if v.Type != gjson.Number || v.Num < least || v.Num > most {
			r.add(fmt.Sprintf("Must be between %v and %v", least, most))
		}
	}
}

// wordAlphabet is what names that bots give consist of.
const wordAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

// word takes a string of a few characters: an id or a name.
func word(least, most int, alphabet string) rule {
	return func(r *report, v gjson.Result) {
		switch {
		case v.Type != gjson.String || len(v.Str) < least || len(v.Str) > most:
			r.add(lengthBetween(least, most))
		case strings.Trim(v.Str, alphabet) != "":
			r.add("Must consist of " + alphabet)
		}
	}
}

// all applies several rules to one value.
func all(rules ...rule) rule {
	return func(r *report, v gjson.Result) {
		for _, check := range rules {
			check(r, v)
		}
	}
}
