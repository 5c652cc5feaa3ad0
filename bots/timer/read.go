package timer

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/line-frontdesk/frontdesk"
)

// Read reads what a user wrote at the time now, in the time zone loc. Wide and
// narrow forms of characters are the same to it, and so are capitals:
//
//	180   １８０   90s   1h30m   3 minutes   3分   1時間30分   1時間半   3日後
//	18:30   6:30pm   18時半   午後6時   明日 7:00   あさって 7時   tomorrow 7:00   12/24 18:00   2027年1月1日 0時
//	180 tea   3分 カップ麺   18:30に会議
//	list   一覧   cancel   cancel tea   cancel all   取消 2   全部取消
//
// A bare number counts seconds. A time of day that has passed is tomorrow's, a
// day of the year next year's. A time that the clocks skip in spring is when
// they do so; of one that comes twice in autumn, it is the next.
//
// The error is one of this package's, for errors.Is, and holds nothing of the
// text. With it, only the Request's Language is set.
func Read(text string, now time.Time, loc *time.Location) (Request, error) {
	now = now.In(loc).Round(0)
	text = strings.TrimSpace(text)
	req := Request{Language: language(text)}
	if r, ok := readCommand(text); ok {
		r.Language = req.Language
		return r, nil
	}
	s := newScanner(text)
	s.take(opening)
	t, err := s.moment(now)
	if err != nil {
		return req, err
	}
	label, ok := s.label(t.bare)
	if !ok {
		return req, ErrUnknown
	}
	switch left := t.at.Sub(now); {
	case left < MinWait && t.isWait:
		return req, ErrTooSoon
	case left < MinWait:
		return req, ErrPast
	case left > MaxWait:
		return req, ErrTooFar
	}
	req.Action, req.At, req.Label = Set, t.at, label
	if t.isWait {
		req.Wait = t.at.Sub(now)
	}
	return req, nil
}

// language tells the languages apart by their letters.
func language(text string) (language string) {
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han), width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			return frontdesk.Japanese
		case unicode.Is(unicode.Latin, r):
			language = frontdesk.English
		}
	}
	return language
}

var (
	listing   = regexp.MustCompile(`^(?:list|timers|一覧|いちらん|リスト)$`)
	canceling = regexp.MustCompile(`^(?:cancel(?: +|$)|` + cancelJa + ` *)`)
	all       = regexp.MustCompile(`^(?:all|` + allJa + `)$`)
	cancelAll = regexp.MustCompile(`^` + allJa + `[をの]? *` + cancelJa + `$`)
	opening   = regexp.MustCompile(`^(?:(?:in|at|after|timer|set) +|(?:あと|タイマー) *)`)
)

const (
	cancelJa = `(?:取り?消|とりけ|キャンセル)(?:する|す|して(?:(?:くだ|下)さい)?|し)?`
	allJa    = `(?:全部|ぜんぶ|すべて|全て)`
)

// readCommand reads what does not set a timer.
func readCommand(text string) (Request, bool) {
	s := newScanner(text)
	switch {
	case listing.MatchString(s.rest):
		return Request{Action: List}, true
	case cancelAll.MatchString(s.rest):
		return Request{Action: Cancel, All: true}, true
	case s.take(canceling) == nil:
		return Request{}, false
	}
	req := Request{Action: Cancel}
	if all.MatchString(s.rest) {
		req.All = true
		return req, true
	}
	req.Label = clip(s.original(), MaxLabel)
	if number, err := strconv.ParseUint(s.rest, 10, 31); err == nil {
		req.Number = int(number)
	}
	return req, true
}

// scanner takes a text from the left. It compares in small narrow letters and
// remembers how the user wrote them.
type scanner struct {
	rest    string // in small narrow letters
	written []rune // rest as it was written; as many characters
}

func newScanner(text string) *scanner {
	s := &scanner{written: []rune(text)}
	folded := make([]rune, len(s.written))
	for i, r := range s.written {
		if narrow := width.LookupRune(r).Folded(); narrow != 0 {
			r = narrow
		}
		if unicode.IsSpace(r) {
			r = ' '
		}
		folded[i] = unicode.ToLower(r)
	}
	s.rest = string(folded)
	return s
}

// take returns what an expression and its groups match at the beginning, and
// removes it; nil when they do not match.
func (s *scanner) take(re *regexp.Regexp) []string {
	found := re.FindStringSubmatch(s.rest)
	if found != nil {
		s.rest = s.rest[len(found[0]):]
	}
	return found
}

// original returns the rest as the user wrote it.
func (s *scanner) original() string {
	return string(s.written[len(s.written)-utf8.RuneCountInString(s.rest):])
}

// What may stand between a time and its label. Japanese ones need no space
// there; に and で are particles only where they cannot begin the label.
var (
	suffix   = regexp.MustCompile(`^間?(?:後に?|経ったら|たったら)?`)
	particle = regexp.MustCompile(`^[にで](?:[^\p{Hiragana}]|$)`)
	between  = regexp.MustCompile(`^[ ,、。!]+`)
	glued    = regexp.MustCompile(`^[^ -~の前以]`)
)

// label returns the rest of a text that began with a time, which may be bare.
// It is not ok when the two do not stand together as a time and its label do:
// 180円, 3分の2, 18:30-19:00.
func (s *scanner) label(bare bool) (label string, ok bool) {
	if !bare {
		s.take(suffix)
		if particle.MatchString(s.rest) {
			s.rest = s.rest[len("に"):]
		}
	}
	switch {
	case s.rest == "":
		return "", true
	case bare && s.rest[0] != ' ', !between.MatchString(s.rest) && !glued.MatchString(s.rest):
		return "", false
	}
	s.take(between)
	return clip(s.original(), MaxLabel), true
}

// clip makes one line of a label, and cuts it to a number of characters.
func clip(label string, most int) string {
	label = strings.Join(strings.Fields(label), " ")
	if runes := []rune(label); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return label
}

// fold makes the same text of all ways to write it.
func fold(text string) string { return newScanner(text).rest }
