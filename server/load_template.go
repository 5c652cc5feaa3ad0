package server

import (
	"fmt"
	"strings"
)

// templateWidth is how long the comment lines of ConfigTemplate get.
const templateWidth = 100

// ConfigTemplate returns a configuration file with all keys, each with what
// it means. The keys have their defaults and are commented out, so that the
// file as it is changes nothing. extra are the settings of the program's own.
func ConfigTemplate(extra ...Setting) string {
	var b strings.Builder
	b.WriteString("# Configuration of Frontdesk. Every key may be left out; what follows are the defaults.\n" +
		"# Zero means the default as well. Durations are as 20s, 5m, 12h or 7d, sizes as 512MiB or 1GiB.\n" +
		"# A key can also be set by its variable or its flag, which win over the file:\n" +
		"# handler.timeout is FRONTDESK_HANDLER_TIMEOUT and --handler-timeout.\n")
	section := ""
	for _, s := range append(Settings(), extra...) {
		prefix, name, nested := strings.Cut(s.Key, ".")
		if !nested {
			prefix, name = "", s.Key
		}
		if prefix != section && nested {
			fmt.Fprintf(&b, "\n%s:\n", prefix)
		} else if !nested {
			b.WriteString("\n")
		}
		section = prefix
		indent := ""
		if nested {
			indent = "  "
		}
		writeSetting(&b, s, indent, indent+"# "+name)
	}
	b.WriteString("\n")
	writeComment(&b, "", "The LINE channels. One alone needs no file: LINE_CHANNEL_SECRET with LINE_CHANNEL_ACCESS_TOKEN or "+
		"LINE_CHANNEL_ID in the environment make a channel named main, or go before what the file says of it.")
	b.WriteString("# channels:\n")
	for i, s := range channelSettings() {
		lead := "#     "
		if i == 0 {
			lead = "#   - "
		}
		writeSetting(&b, s, "#     ", lead+s.Key)
	}
	return b.String()
}

func writeSetting(b *strings.Builder, s Setting, indent, key string) {
	writeComment(b, indent, strings.ToUpper(s.Usage[:1])+s.Usage[1:]+".")
	def := s.Default
	switch {
	case s.Arg == "LIST":
		def = "[]"
	case def == "" || strings.HasPrefix(def, ":"):
		def = `"` + def + `"`
	}
	fmt.Fprintf(b, "%s: %s\n", key, def)
}

// writeComment writes text as comment lines.
func writeComment(b *strings.Builder, indent, text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(indent)+len(line)+len(word) > templateWidth {
			fmt.Fprintf(b, "%s#%s\n", indent, line)
			line = ""
		}
		line += " " + word
	}
	fmt.Fprintf(b, "%s#%s\n", indent, line)
}
