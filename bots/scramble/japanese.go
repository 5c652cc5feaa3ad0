package scramble

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/ikawaha/kagome/v2/tokenizer"
)

// tags gives a letter to the parts of speech of IPADIC that move or move with
// others; the longest entry that fits counts. The dictionary's other nouns are
// nouns only by name, such as the の of するのは. Nothing changes the table.
var tags = map[string]byte{
	"名詞,一般": 'n', "名詞,固有名詞": 'n', "名詞,代名詞": 'n', "名詞,サ変接続": 'n',
	"名詞,形容動詞語幹": 'a', "名詞,副詞可能": 't', "名詞,数": 'd',
	"名詞,接尾": 's', "名詞,接尾,助数詞": 'c', "名詞,接尾,形容動詞語幹": 'k',
	"接頭詞": 'p', "形容詞,自立": 'j', "動詞,自立": 'v', "動詞,接尾": 'e',
}

// ending matches, by part of speech and spelling, what sounds different behind
// different verbs, and so moves with them: 飲ん+で, 食べ+て.
var ending = regexp.MustCompile(`^(?:動詞,非自立,[てでちじとど]|助詞,(?:接続|並立)助詞,(?:[てで]|[ちじ]ゃ|[ただ]り)|助動詞,特殊・タ)`)

// unit matches what moves as one, in the letters of a text's morphemes: verbs
// with their endings, adjectives, numbers with their counters, and nouns with
// all that is joined to them; する (r) takes the noun before it along. The names
// of the groups are the classes, which form divides further.
var unit = regexp.MustCompile(`(?P<verb>(?:p?n[ns]*r|p?v|r)e*)|(?P<adjective>p?j)|(?P<stem>p?n*a|p?n+k)|(?P<number>p?d+[cs]*)|(?P<noun>p?n[ns]*)|(?P<time>p?ts*)`)

// morphemes makes pieces of a Japanese text.
func morphemes(text string, tokens []tokenizer.Token) (pieces []piece) {
	letters := make([]byte, len(tokens))
	for i, t := range tokens {
		letters[i] = letter(t)
	}
	from := 0 // in bytes, as all but at is
	for _, at := range unit.FindAllSubmatchIndex(letters, -1) {
		last := tokens[at[1]-1]
		start, end := tokens[at[0]].Position, last.Position+len(last.Surface)
		moving := piece{text: text[start:end]}
		for i, name := range unit.SubexpNames() {
			if i > 0 && at[2*i] >= 0 {
				moving.class = name + " " + form(last)
			}
		}
		pieces = append(pieces, piece{text: text[from:start]}, moving)
		from = end
	}
	return append(pieces, piece{text: text[from:]})
}

// letter returns the letter of a morpheme, '.' for one that stays in its place.
func letter(t tokenizer.Token) byte {
	pos := t.POS()
	base, _ := t.BaseForm()
	kind, _ := t.InflectionalType()
	switch {
	case pos[0] == "動詞" && pos[1] == "自立" && base == "する":
		return 'r'
	case ending.MatchString(pos[0] + "," + pos[1] + "," + t.Surface), ending.MatchString(pos[0] + "," + kind):
		return 'e'
	case !strings.ContainsFunc(t.Surface, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }):
		return '.' // the dictionary takes signs that it does not know for nouns
	}
	for n := 3; n > 0; n-- {
		if letter, ok := tags[strings.Join(pos[:min(n, len(pos))], ",")]; ok {
			return letter
		}
	}
	return '.'
}

// unvoiced makes one of the endings that differ only by the sound before them.
var unvoiced = strings.NewReplacer("で", "て", "だ", "た", "じ", "ち")

// form returns what decides which words may follow a unit that ends so. Units
// of one form can stand for each other.
func form(last tokenizer.Token) string {
	form, _ := last.InflectionalForm()
	switch {
	case form == "基本形": // at the end of a sentence, and before nouns
		return form
	case strings.HasPrefix(form, "命令"): // has a name for each kind of verb
		return "命令"
	case last.POS()[0] == "助詞", last.POS()[0] == "助動詞": // て, たり, たら
		return unvoiced.Replace(last.Surface)
	}
	return form
}
