package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Rule looks at a value and reports what is wrong with it. Rules never change once they are made.
type Rule func(r *Report, v gjson.Result)

// Report gathers what rules found, with the place of the value that is looked at.
type Report struct {
	Details []Detail
	path    []Step
}

// Step is one part of a place: a property, or an index in a list where Name is empty.
type Step struct {
	Name  string
	Index int
}

// Add reports the value that is looked at.
func (r *Report) Add(message string) {
	var b strings.Builder
	for i, s := range r.path {
		switch {
		case s.Name == "":
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case i > 0:
			b.WriteString("." + s.Name)
		default:
			b.WriteString(s.Name)
		}
	}
	r.Details = append(r.Details, Detail{Message: message, Property: b.String()})
}

// Under looks at a part of the value.
func (r *Report) Under(s Step, check Rule, v gjson.Result) {
	r.path = append(r.path, s)
	check(r, v)
	r.path = r.path[:len(r.path)-1]
}

// Texts of errors. "May not be empty", "Length must be between" and "Size must be between" are LINE's (Messaging
// API reference, "Error responses"); LINE does not document the others.
const (
	MayNotBeEmpty = "May not be empty"
	mayNotBeNull  = "May not be null"
	badURL        = "invalid uri scheme"
)

// SizeBetween is LINE's text about a list of a wrong length.
func SizeBetween(least, most int) string {
	return fmt.Sprintf("Size must be between %d and %d", least, most)
}

func lengthBetween(least, most int) string {
	return fmt.Sprintf("Length must be between %d and %d", least, most)
}

// Field is a property of an object.
type Field struct {
	name     string
	required bool
	check    Rule // nil = anything
}

// Must is a property that has to be there and not empty.
func Must(name string, check Rule) Field { return Field{name, true, check} }

// May is a property that can be left out.
func May(name string, check Rule) Field { return Field{name, false, check} }

// maxFields is how many properties of one object have rules.
const maxFields = 16

// Object takes an object with these properties, and any others: LINE ignores what it does not know.
func Object(fields ...Field) Rule {
	return func(r *Report, v gjson.Result) {
		if !v.IsObject() {
			r.Add(mayNotBeNull)
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
				r.Under(Step{Name: f.name}, func(r *Report, _ gjson.Result) { r.Add(MayNotBeEmpty) }, got)
			case f.check != nil && got.Exists() && got.Type != gjson.Null:
				r.Under(Step{Name: f.name}, f.check, got)
			}
		}
	}
}

// isEmpty reports whether a value is missing, null or an empty string.
func isEmpty(v gjson.Result) bool {
	return !v.Exists() || v.Type == gjson.Null || v.Type == gjson.String && v.Str == ""
}

// ByType takes an object whose "type" is one of those given, and checks it by the rule of that type.
func ByType(types map[string]Rule) Rule {
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	unknown := "Must be one of the following values: [" + strings.Join(names, ", ") + "]"
	return func(r *Report, v gjson.Result) {
		if !v.IsObject() {
			r.Add(mayNotBeNull)
			return
		}
		kind := v.Get("type")
		check, known := types[kind.Str]
		switch {
		case isEmpty(kind):
			r.Under(Step{Name: "type"}, func(r *Report, _ gjson.Result) { r.Add(MayNotBeEmpty) }, kind)
		case !known:
			r.Under(Step{Name: "type"}, func(r *Report, _ gjson.Result) { r.Add(unknown) }, kind)
		default:
			check(r, v)
		}
	}
}

// List takes an array of so many values.
func List(least, most int, each Rule) Rule {
	return func(r *Report, v gjson.Result) {
		if !v.IsArray() {
			r.Add(mayNotBeNull)
			return
		}
		all := v.Array()
		if len(all) < least || len(all) > most {
			r.Add(SizeBetween(least, most))
			return
		}
		for i, one := range all {
			r.Under(Step{Index: i}, each, one)
		}
	}
}

// Units takes a text of up to so many UTF-16 code units ("Character counting in a text").
func Units(most int) Rule {
	return func(r *Report, v gjson.Result) {
		if v.Type != gjson.String {
			r.Add(MayNotBeEmpty)
		} else if len(v.Str) > most && textLength(v.Str) > most { // a text has at least as many bytes as units
			r.Add(lengthBetween(0, most))
		}
	}
}

// Graphemes takes a text of up to so many characters as people count them.
func Graphemes(most int) Rule {
	return func(r *Report, v gjson.Result) {
		if v.Type != gjson.String {
			r.Add(MayNotBeEmpty)
		} else if len(v.Str) > most && graphemeCount(v.Str) > most {
			r.Add(lengthBetween(0, most))
		}
	}
}

// maxURL is the length of the URL of something that LINE fetches.
const maxURL = 2000

// MediaURL takes the https URL of something that LINE fetches.
func MediaURL(r *Report, v gjson.Result) { checkURL(r, v, maxURL, "https://") }

// urlRule takes a URL of up to so many characters that begins with one of the schemes.
func urlRule(most int, schemes ...string) Rule {
	return func(r *Report, v gjson.Result) { checkURL(r, v, most, schemes...) }
}

func checkURL(r *Report, v gjson.Result, most int, schemes ...string) {
	switch {
	case v.Type != gjson.String:
		r.Add(MayNotBeEmpty)
	case textLength(v.Str) > most:
		r.Add(lengthBetween(0, most))
	case !slices.ContainsFunc(schemes, func(s string) bool {
		return len(v.Str) > len(s) && strings.EqualFold(v.Str[:len(s)], s)
	}):
		r.Add(badURL)
	}
}

// OneOf takes one of the given strings.
func OneOf(values ...string) Rule {
	message := "Must be one of the following values: [" + strings.Join(values, ", ") + "]"
	return func(r *Report, v gjson.Result) {
		if v.Type != gjson.String || !slices.Contains(values, v.Str) {
			r.Add(message)
		}
	}
}

// Integer takes a whole number.
func Integer(least, most int64) Rule {
	return func(r *Report, v gjson.Result) {
		if v.Type != gjson.Number || v.Num != float64(v.Int()) || v.Int() < least || v.Int() > most {
			r.Add(fmt.Sprintf("Must be between %d and %d", least, most))
		}
	}
}

// number takes any number in a range.
func number(least, most float64) Rule {
	return func(r *Report, v gjson.Result) {
		if v.Type != gjson.Number || v.Num < least || v.Num > most {
			r.Add(fmt.Sprintf("Must be between %v and %v", least, most))
		}
	}
}

// WordAlphabet is what names that bots give consist of.
const WordAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

// Word takes a string of a few characters: an id or a name.
func Word(least, most int, alphabet string) Rule {
	return func(r *Report, v gjson.Result) {
		switch {
		case v.Type != gjson.String || len(v.Str) < least || len(v.Str) > most:
			r.Add(lengthBetween(least, most))
		case strings.Trim(v.Str, alphabet) != "":
			r.Add("Must consist of " + alphabet)
		}
	}
}

// all applies several rules to one value.
func all(rules ...Rule) Rule {
	return func(r *Report, v gjson.Result) {
		for _, check := range rules {
			check(r, v)
		}
	}
}
