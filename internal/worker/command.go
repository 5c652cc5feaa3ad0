package worker

import (
	"errors"
	"strings"
)

// splitWords splits a command line at blanks. '…' and "…" hold words together;
// \ takes the next character as it is, but for within '…'. No variable, pattern
// or ~ is replaced: there is no shell.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	inWord := false // also in a word of "" alone
	var quote rune  // that is open, 0 for none
	escaped := false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		case c == 0:
			return nil, errors.New("a NUL character has no place in a command line")
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	switch {
	case quote != 0:
		return nil, errors.New("a quotation mark has no partner; write \\\" or \\' for the mark itself")
	case escaped:
		return nil, errors.New("a \\ stands at the end; write \\\\ for the character itself")
	case inWord:
		words = append(words, word.String())
	}
	return words, nil
}
