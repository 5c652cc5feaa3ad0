package scramble

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// shared is the muddler of all tests: the dictionary is loaded once.
var shared = newMuddler()

func muddle(t testing.TB, text, seed string) string {
	t.Helper()
	got, err := shared.muddle(text, seed)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Where two words can change places there is one muddle.
func TestMuddleOfTwo(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nouns", "猫が魚を見た。", "魚が猫を見た。"},
		{"a pronoun and a name", "私は花子さんが好きです", "花子さんは私が好きです"},
		{"compounds stay whole", "昨日、友だちと東京タワーで遊んだ。", "昨日、東京タワーと友だちで遊んだ。"},
		{"prefixes and suffixes go along", "お客さんがご飯を待つ", "ご飯がお客さんを待つ"},
		{"a prefix", "新製品を本と買う", "本を新製品と買う"},
		{"an adjectival noun made of a noun", "科学的な方法と大切な本", "大切な本と科学的な方法"},
		{"そう stays", "食べそうだ。飲みます。", "飲みそうだ。食べます。"},
		{"verbs with て", "食べて、飲んでください", "飲んで、食べてください"},
		{"verbs with た", "食べた。飲んだ。", "飲んだ。食べた。"},
		{"verbs with たら", "食べたら、飲んだら？", "飲んだら、食べたら？"},
		{"verbs with たり", "降ったり止んだりする", "止んだり降ったりする"},
		{"verbs with ます keep the tense in place", "食べます。飲みました。", "飲みます。食べました。"},
		{"verbs with ない", "食べないし、飲まない", "飲まないし、食べない"},
		{"verbs with ば", "走れば、見れば", "見れば、走れば"},
		{"passives", "食べられた。飲まれた。", "飲まれた。食べられた。"},
		{"a verb made of a noun", "勉強して、遊んでね", "遊んで、勉強してね"},
		{"the colloquial てる and ちゃう", "食べてる。飲んじゃった。", "飲んじゃった。食べてる。"},
		{"orders", "食べろ！行け！", "行け！食べろ！"},
		{"wishes", "行こう！食べよう！", "食べよう！行こう！"},
		{"tenses", "夏に行く。冬に行った。", "冬に行った。夏に行く。"},
		{"adjectives", "赤い花と白い雪", "白い雪と赤い花"},
		{"adjectives in another form", "暑かったし、寒かった", "寒かったし、暑かった"},
		{"adjectival nouns", "静かで、きれいです", "きれいで、静かです"},
		{"numbers with their counters", "3時に5人で来てね", "5人に3時で来てね"},
		{"times", "今日は暇で、明日は忙しい", "明日は暇で、今日は忙しい"},
		{"に after a time and a place", "明日、京都から奈良に", "明日、奈良から京都に"},
		{"signs are not words", "犬!猫😀", "猫!犬😀"},
		{"links stay", "犬 https://example.com/a/b?c=1 猫", "猫 https://example.com/a/b?c=1 犬"},
		{"names stay", "@花子 犬と猫", "@花子 猫と犬"},
		{"foreign words", "Goは Rustより", "Rustは Goより"},

		{"English", "Hello, world!", "World, hello!"},
		{"a name", "Call Mary", "Mary call"},
		{"I", "I sing", "Sing I"},
		{"an abbreviation", "LINE works.", "Works LINE."},
		{"an article", "A dog?", "Dog a?"},
		{"inner capitals", "hello John", "John hello"},
		{"an apostrophe", "Don’t sing-along", "Sing-along don’t"},
		{"two sentences", "Yes. No.", "No. Yes."},
		{"quotes and brackets", "“Come” (here)", "“Here” (come)"},
		{"lines", "  one\n\ntwo ", "  two\n\none "},
		{"a link", "see https://Example.com/one-two this", "this https://Example.com/one-two see"},
		{"an address", "mail me.too@example.com now", "now me.too@example.com mail"},
		{"a capital behind a name", "Hi @taro John", "John @taro hi"},
		{"German", "Schöne Grüße", "Grüße schöne"},
		{"Korean", "안녕하세요 학생입니다", "학생입니다 안녕하세요"},
		{"marks belong to their letter", "re\u0301sume\u0301 नमस्ते", "नमस्ते re\u0301sume\u0301"},

		{"nothing: one noun and one verb", "寿司を食べる", "寿司を食べる"},
		{"nothing: verbs in different forms", "食べながら飲む", "食べながら飲む"},
		{"nothing: the same noun", "猫と猫", "猫と猫"},
		{"nothing: a greeting", "こんにちは", "こんにちは"},
		{"nothing: one word", "Hello!", "Hello!"},
		{"nothing: the same word", "Hello hello. Hello", "Hello hello. Hello"},
		{"nothing: signs", "😀 !!! 😀", "😀 !!! 😀"},
		{"nothing: empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := muddle(t, tc.text, "seed"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// In a longer text nothing is lost, every word of a class has left its place,
// and the seed alone decides.
func TestMuddleOfMany(t *testing.T) {
	for _, tc := range []struct{ name, text, words string }{
		{"Japanese", "猫と犬と鳥と魚と馬", "猫 犬 鳥 魚 馬"},
		{"two classes", "赤い猫と青い犬と白い鳥と黒い魚と暗い馬", "赤い 猫 青い 犬 白い 鳥 黒い 魚 暗い 馬"},
		{"English", "cat and dog or bird but fish", "cat and dog or bird but fish"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results := map[string]bool{}
			for i := range 100 {
				seed := fmt.Sprint(i)
				got := muddle(t, tc.text, seed)
				results[got] = true
				if sorted(got) != sorted(tc.text) {
					t.Fatalf("got %q, which is not made of %q", got, tc.text)
				}
				for word := range strings.FieldsSeq(tc.words) {
					if strings.Index(got, word) == strings.Index(tc.text, word) {
						t.Errorf("%q did not move in %q", word, got)
					}
				}
				if again := muddle(t, tc.text, seed); again != got {
					t.Errorf("the same seed made %q, then %q", got, again)
				}
			}
			if len(results) < 10 {
				t.Errorf("100 seeds made only %d texts", len(results))
			}
		})
	}
}

// A class in which words are alike, but not all, still changes.
func TestMuddleOfMostlyTheSame(t *testing.T) {
	for i := range 50 {
		if got := muddle(t, "猫と猫と猫と犬", fmt.Sprint(i)); got == "猫と猫と猫と犬" {
			t.Fatalf("seed %d changed nothing", i)
		}
	}
}

func TestTheDictionaryIsLoadedOnce(t *testing.T) {
	a, err := shared.tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := shared.tokenizer(); a != b {
		t.Error("two tokenizers")
	}
	unused := newMuddler()
	unused.tokenizer = nil // a call of it would panic
	if got, err := unused.muddle("no need", ""); got != "need no" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// sorted returns the characters of a text in their order, without capitals.
func sorted(text string) string {
	runes := []rune(strings.ToLower(strings.ToUpper(text))) // some capitals have several small letters
	slices.Sort(runes)
	return string(runes)
}

// FuzzMuddle lets no character get lost, whatever it is sent.
func FuzzMuddle(f *testing.F) {
	for _, text := range []string{
		"", "猫が魚を食べて、犬が水を飲んだ。", "Don't. Do it! I", "@", "https://", "a@b 猫 @c", "!犬!?猫", "123円と4人で５時", "ｶﾞｷﾞ ﾊﾟﾝ", "\xff猫\xff犬", "ǅ İ ß. ſ A",
		"されたせろしろすればしよう", "々〆ヶーっんを", "\n\n。、「」", "お お ご 第 超 全",
	} {
		f.Add(text, "seed")
	}
	f.Fuzz(func(t *testing.T, text, seed string) {
		if !utf8.ValidString(text) {
			t.Skip("events are JSON, and so texts are valid")
		}
		got := muddle(t, text, seed)
		if sorted(got) != sorted(text) {
			t.Errorf("%q became %q", text, got)
		}
		if again := muddle(t, text, seed); again != got {
			t.Errorf("%q became %q, then %q", text, got, again)
		}
	})
}
