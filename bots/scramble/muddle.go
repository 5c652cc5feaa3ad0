package scramble

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/ikawaha/kagome-dict/ipa"
	"github.com/ikawaha/kagome/v2/tokenizer"
)

// piece is a stretch of a text. The texts of pieces of the same class may
// change places; those without a class stay.
type piece struct {
	text, class string
	capital     bool // whatever stands here begins with a capital
}

// muddler takes texts apart and puts them together. Its methods may be called
// concurrently.
type muddler struct {
	tokenizer func() (*tokenizer.Tokenizer, error) // loads the dictionary when first called
}

func newMuddler() muddler {
	return muddler{sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
		return tokenizer.New(ipa.Dict(), tokenizer.OmitBosEos())
	})}
}

// muddle returns the text with its words in other places, always the same for
// the same seed; the text itself when nothing can change places.
func (m muddler) muddle(text, seed string) (string, error) {
	split := words
	if strings.ContainsFunc(text, isJapanese) {
		t, err := m.tokenizer()
		if err != nil {
			return "", fmt.Errorf("load the dictionary: %w", err)
		}
		split = func(text string, _ bool) []piece { return morphemes(text, t.Tokenize(text)) }
	}
	pieces := apart(text, split)
	shuffle(pieces, rand.New(rand.NewChaCha8(sha256.Sum256([]byte(seed)))))
	var b strings.Builder
	for _, p := range pieces {
		if first, size := utf8.DecodeRuneInString(p.text); p.capital {
			p.text = string(unicode.ToUpper(first)) + p.text[size:]
		}
		b.WriteString(p.text)
	}
	return b.String(), nil
}

// isJapanese reports whether a text with this character goes to the
// dictionary. Chinese does as well, and mostly finds nothing to change there.
func isJapanese(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) }

// whole matches what must not be taken apart: links, mail addresses and @names.
var whole = regexp.MustCompile(`https?://[!-~]+|[!-~]*@\S+`)

// apart splits a text and leaves whole what must be. split is told whether its
// stretch begins the text.
func apart(text string, split func(text string, first bool) []piece) (pieces []piece) {
	from := 0
	for _, at := range whole.FindAllStringIndex(text, -1) {
		pieces = append(pieces, split(text[from:at[0]], from == 0)...)
		pieces = append(pieces, piece{text: text[at[0]:at[1]]})
		from = at[1]
	}
	return append(pieces, split(text[from:], from == 0)...)
}

var (
	// word matches a word of a language that puts spaces between them.
	word = regexp.MustCompile(`[\p{L}\p{N}\p{M}]+(?:['’-][\p{L}\p{N}\p{M}]+)*`)
	// common matches a word that has its capital from the start of a sentence:
	// not I, I'm or LINE.
	common = regexp.MustCompile(`^(?:A|\p{Lu}\p{Ll}['’\p{Ll}-]*)$`)
)

// words makes pieces of a text that is not Japanese. The capitals at the start
// of sentences stay where they are.
func words(text string, first bool) (pieces []piece) {
	from := 0
	for _, at := range word.FindAllStringIndex(text, -1) {
		between, moving := text[from:at[0]], piece{text: text[at[0]:at[1]], class: "word"}
		begins := first && from == 0 || strings.ContainsAny(between, ".!?\n")
		initial, _ := utf8.DecodeRuneInString(moving.text)
		moving.capital = begins && unicode.IsUpper(initial)
		if moving.capital && common.MatchString(moving.text) {
			moving.text = strings.ToLower(moving.text)
		}
		pieces = append(pieces, piece{text: between}, moving)
		from = at[1]
	}
	return append(pieces, piece{text: text[from:]})
}

// shuffle lets the pieces of each class change places. It turns each class as
// one ring, so a class in which two pieces differ does not stay as it was.
func shuffle(pieces []piece, r *rand.Rand) {
	places := map[string][]int{}
	for i, p := range pieces {
		if p.class != "" {
			places[p.class] = append(places[p.class], i)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(places)) { // in one order, for the same result every time
		at := places[class]
		for i := len(at) - 1; i > 0; i-- {
			j := at[r.IntN(i)]
			pieces[at[i]].text, pieces[j].text = pieces[j].text, pieces[at[i]].text
		}
	}
}
