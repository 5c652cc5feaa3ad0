package rule

import (
	"math"

	"github.com/tidwall/gjson"
)

// The limits of templates and imagemaps (Messaging API reference, "Template messages", "Imagemap message").
// Titles and texts of templates count in graphemes.
const (
	maxTitle           = 40
	maxButtonsText     = 160
	maxButtonsBeside   = 60 // with a picture or a title
	maxConfirmText     = 240
	maxColumnText      = 120
	maxColumnBeside    = 60
	maxColumns         = 10
	maxButtons         = 4
	maxColumnButtons   = 3
	maxImagemapActions = 50
	maxLinkLabel       = 30
)

// templateRule is the rule of a template.
func templateRule() Rule {
	action := buttonAction(labelled(maxLabel))
	plain := buttonAction(May("label", Graphemes(maxLabel)))
	picture := []Field{
		May("thumbnailImageUrl", MediaURL), May("title", Graphemes(maxTitle)), May("defaultAction", plain),
	}
	column := all(
		Object(append(picture, Must("text", nil), Must("actions", List(1, maxColumnButtons, action)))...),
		textBeside(maxColumnText, maxColumnBeside),
	)
	return ByType(map[string]Rule{
		"buttons": all(
			Object(append(picture, Must("text", nil), Must("actions", List(1, maxButtons, action)))...),
			textBeside(maxButtonsText, maxButtonsBeside),
		),
		"confirm":  Object(Must("text", Graphemes(maxConfirmText)), Must("actions", List(2, 2, action))),
		"carousel": Object(Must("columns", List(1, maxColumns, column))),
		"image_carousel": Object(Must("columns", List(1, maxColumns, Object(
			Must("imageUrl", MediaURL), Must("action", buttonAction(May("label", Graphemes(maxImageLabel)))),
		)))),
	})
}

// textBeside limits the text of an object more where a picture or a title stands beside it.
func textBeside(alone, beside int) Rule {
	return func(r *Report, v gjson.Result) {
		most := alone
		if !isEmpty(v.Get("thumbnailImageUrl")) || !isEmpty(v.Get("title")) {
			most = beside
		}
		if text := v.Get("text"); !isEmpty(text) {
			r.Under(Step{Name: "text"}, Graphemes(most), text)
		}
	}
}

// imagemapFields are the properties of an imagemap.
func imagemapFields() []Field {
	pixel := Integer(0, math.MaxInt32)
	area := Object(Must("x", pixel), Must("y", pixel), Must("width", pixel), Must("height", pixel))
	return []Field{
		Must("baseUrl", MediaURL), Must("altText", Units(maxAltText)),
		Must("baseSize", Object(Must("width", pixel), Must("height", pixel))),
		Must("actions", List(0, maxImagemapActions, ByType(map[string]Rule{
			"message":   Object(Must("area", area), Must("text", Units(maxActionText))),
			"uri":       Object(Must("area", area), Must("linkUri", actionURI())),
			"clipboard": Object(Must("area", area), Must("clipboardText", Units(maxClipboard))),
		}))),
		May("video", Object(
			Must("originalContentUrl", MediaURL), Must("previewImageUrl", MediaURL), Must("area", area),
			May("externalLink", Object(Must("linkUri", actionURI()), Must("label", Graphemes(maxLinkLabel)))),
		)),
	}
}
