package room

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// Identity is who a client is.
type Identity struct {
	User     string // ID
	Name     string // as others see it
	Guest    bool   // made up by a page, without a login
	Operator bool   // may read transcripts
	Expires  time.Time
}

// maxName is how long a name may be, in characters.
const maxName = 64

// maxToken bounds a token, in bytes.
const maxToken = 4 << 10

var errToken = errors.New("token is not valid")

// claims is the body of a token, which is a JSON Web Token signed with HS256.
// Sources: RFC 7515 and 7519.
type claims struct {
	Subject  string `json:"sub"`
	Name     string `json:"name,omitempty"`
	Expires  int64  `json:"exp"` // seconds since 1970
	Guest    bool   `json:"guest,omitempty"`
	Operator bool   `json:"operator,omitempty"`
}

// tokenHeader is the one header that is taken: the choice of an algorithm is not
// the client's.
const tokenHeader = `{"alg":"HS256","typ":"JWT"}`

// signer signs and checks tokens.
type signer struct{ key []byte }

// sign returns a token for who.
func (s signer) sign(who Identity) string {
	body, err := json.Marshal(claims{who.User, who.Name, who.Expires.Unix(), who.Guest, who.Operator})
	if err != nil {
		panic(err) // unreachable: strings and numbers
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(tokenHeader)) + "." + base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(s.mac(text))
}

// check returns whose token it is.
func (s signer) check(token string, now time.Time) (Identity, error) {
	text, sum, ok := cutLast(token, '.')
	header, body, dotted := strings.Cut(text, ".")
	if !ok || !dotted || len(token) > maxToken {
		return Identity{}, errToken
	}
	got, err := base64.RawURLEncoding.DecodeString(sum)
	if err != nil || !hmac.Equal(got, s.mac(text)) {
		return Identity{}, errToken
	}
	if !isHS256(header) {
		return Identity{}, errToken
	}
	data, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return Identity{}, errToken
	}
	var c claims
	if err := json.Unmarshal(data, &c); err != nil || !validUser(c.Subject) || reserved(c.Subject) {
		return Identity{}, errToken
	}
	who := Identity{c.Subject, c.Name, c.Guest, c.Operator, time.Unix(c.Expires, 0)}
	if who.Name == "" {
		who.Name = who.User
	}
	if !validName(who.Name) || !now.Before(who.Expires) {
		return Identity{}, errToken
	}
	return who, nil
}

func (s signer) mac(text string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// isHS256 reports whether a token's header says what this signer does.
func isHS256(header string) bool {
	data, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return false
	}
	var h struct {
		Alg  string          `json:"alg"`
		Crit json.RawMessage `json:"crit"`
	}
	return json.NewDecoder(bytes.NewReader(data)).Decode(&h) == nil && h.Alg == "HS256" && h.Crit == nil
}

// cutLast cuts text at the last sep.
func cutLast(text string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// Names of users that only the server writes as.
const (
	UserBot    = "bot"    // what the bot says
	UserSystem = "system" // what the server says, in inboxes
)

func reserved(user string) bool { return user == UserBot || user == UserSystem }

// validName reports whether a user may be called so: 1 to 64 characters, none of
// which controls what others see.
func validName(name string) bool {
	if !utf8.ValidString(name) || strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxName {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return r < ' ' || 0x7f <= r && r < 0xa0 || 0x200b <= r && r <= 0x200f && r != 0x200d || 0x2028 <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
	}) < 0
}
