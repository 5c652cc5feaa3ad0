package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

//go:embed client.js client page
var files embed.FS

// Config says what the page is told.
type Config struct {
	// Servers are the WebSockets of other servers with the same rooms, such as
	// wss://b.example.com/chat/ws: the page goes on there when its own server is
	// gone. A login must be good at all of them.
	Servers []string
}

// Handler serves the page at /chat, the client at /chat/client.js, and their
// parts below /chat/client/ and /chat/page/.
func Handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	policy := policy(cfg.Servers)
	for name, body := range all() {
		at := "GET /chat/" + name
		if name == "page/index.html" {
			at, body = "GET /chat", fillPage(body, cfg.Servers)
		}
		mux.Handle(at, serve(name, body, policy))
	}
	return mux
}

// all returns the files by name.
func all() map[string][]byte {
	found := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found[name], err = files.ReadFile(name)
		return err
	})
	if err != nil {
		panic(err) // unreachable: the files are in the program
	}
	return found
}

// fillPage writes the servers' addresses into the page.
func fillPage(page []byte, servers []string) []byte {
	var out bytes.Buffer
	if err := template.Must(template.New("page").Parse(string(page))).Execute(&out, strings.Join(servers, " ")); err != nil {
		panic(err) // unreachable: the page has one place, for a string
	}
	return out.Bytes()
}

// policy is the page's Content-Security-Policy: its own scripts and styles and
// no others, connections to the servers, and pictures that messages name.
func policy(servers []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http:; media-src https: http:; " +
		strings.TrimSpace("connect-src 'self' "+strings.Join(reach(servers), " ")) +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// reach returns the addresses that the client asks for at the servers: their
// WebSockets, and where these do not come through events and frames.
func reach(servers []string) []string {
	all := slices.Clone(servers)
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			continue // the page cannot go there either
		}
		u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
		for _, name := range []string{"events", "frames"} {
			all = append(all, u.ResolveReference(&url.URL{Path: name}).String())
		}
	}
	return all
}

// serve answers with one file.
func serve(name string, body []byte, policy string) http.Handler {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	small := compress(body)
	kind := mime.TypeByExtension(path.Ext(name))
	if path.Ext(name) == ".js" {
		kind = "text/javascript; charset=utf-8" // the machine's table may say otherwise
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		h.Set("Vary", "Accept-Encoding")
		h.Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		out := body
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			out = small
		}
		w.Write(out) // the client may be gone
	})
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // unreachable: the level is one of gzip's
	}
	w.Write(body) // a buffer takes all
	w.Close()
	return out.Bytes()
}
