package line

import (
	"context"
	"strings"
)

// TokenSource gives the channel access token. Token is called for every call
// to LINE, from many goroutines at once; it returns within ctx.
//
// A source that also has a method Forget(token string) is told when LINE did
// not take a token (401), and asked once for another.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// TokenFunc is a function as a [TokenSource].
type TokenFunc func(ctx context.Context) (string, error)

// Token calls f.
func (f TokenFunc) Token(ctx context.Context) (string, error) { return f(ctx) }

// FixedToken gives the same token always: a long-lived one. White space around
// it is dropped. An empty one is an error of each call.
func FixedToken(token string) TokenSource {
	token = strings.TrimSpace(token)
	// A function, unlike a string, prints as an address.
	return TokenFunc(func(context.Context) (string, error) { return token, nil })
}

// tokenError says why a token cannot be used. It will not pass by itself.
type tokenError string

func (e tokenError) Error() string { return string(e) }

// sourceError is the failure of a token source.
type sourceError struct{ err error }

func (e *sourceError) Unwrap() error { return e.err }

func (e *sourceError) Error() string {
	const text = "no channel access token"
	if cause, ok := describeKnown(e.err); ok {
		return text + ": " + cause
	}
	return text + ": its source failed"
}

// accessToken asks the source for a token and checks that a header can carry it.
func accessToken(ctx context.Context, source TokenSource) (string, error) {
	token, err := source.Token(ctx)
	if err != nil {
		return "", &sourceError{err}
	}
	if err := checkToken(token); err != nil {
		return "", err
	}
	return token, nil
}

// checkToken accepts what a header can carry as one word. It returns a plain
// error so that no nil tokenError gets into an interface.
func checkToken(token string) error {
	if token == "" {
		return tokenError("channel access token is empty: set it, or give channel ID and secret")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return tokenError("channel access token holds a space or another character that no token has: copy it again")
	}
	return nil
}

// forget tells a source that LINE did not take its token. It reports whether
// asking for another makes sense.
func forget(source TokenSource, token string) bool {
	f, ok := source.(interface{ Forget(token string) })
	if ok {
		f.Forget(token)
	}
	return ok
}
