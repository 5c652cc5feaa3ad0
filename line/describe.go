package line

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"
)

// harmless are the beginnings of LINE's texts about a property that quote
// nothing of what was sent (Messaging API reference, Error messages).
var harmless = []string{
	"May not be empty",
	"Size must be between ",
	"Length must be between ",
	"Must be one of the following values: ",
	"Only user id is acceptable",
}

// detailsDescribed is how many faults an error's text names.
const detailsDescribed = 3

// describeDetails lists the first faults with their properties, and with
// LINE's words where these are known to quote nothing.
func describeDetails(details []Detail) string {
	if len(details) == 0 {
		return ""
	}
	var parts []string
	for _, d := range details[:min(len(details), detailsDescribed)] {
		text := cleanText(d.Property, detailLimit)
		for _, h := range harmless {
			if strings.HasPrefix(d.Message, h) {
				text += ": " + cleanText(d.Message, detailLimit)
				break
			}
		}
		parts = append(parts, text)
	}
	if len(details) > detailsDescribed {
		parts = append(parts, fmt.Sprintf("and %d more", len(details)-detailsDescribed))
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// describeCause puts a cause into words that hold nothing foreign: texts of
// net/http may quote a broken answer or a proxy's password.
func describeCause(err error) string {
	if text, ok := describeKnown(err); ok {
		return text
	}
	return "connection or answer is broken"
}

// describeKnown is describeCause for the causes whose texts are known.
func describeKnown(err error) (text string, ok bool) {
	if e, ok := errors.AsType[*sourceError](err); ok {
		return e.Error(), true
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return strings.TrimPrefix(e.Error(), "line: "), true
	}
	if e, ok := errors.AsType[invalidArgument](err); ok {
		return e.Error(), true
	}
	if e, ok := errors.AsType[tokenError](err); ok {
		return e.Error(), true
	}
	for _, own := range []error{ErrNotPrepared, errStillPreparing, errBrokenOff, errTooLong, errNotJSON, errUnfinished} {
		if errors.Is(err, own) {
			return own.Error(), true
		}
	}
	return describeNetwork(err)
}

func describeNetwork(err error) (text string, ok bool) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "time ran out", true
	case errors.Is(err, context.Canceled):
		return "given up by the caller", true
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return cleanText(e.Error(), messageLimit), true
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return cleanText(e.Error(), messageLimit), true
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "connection was closed", true
	}
	return "", false
}

// cleanText makes a foreign text fit for one line of a log: valid UTF-8,
// without control characters, at most limit bytes.
func cleanText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.TrimSpace(s)
	if len(s) <= limit {
		return s
	}
	const dots = "…"
	cut := limit - len(dots)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + dots
}
