// @ts-check
/** @import { Field } from "./dialog.js" */
import { ask } from "./dialog.js";

/** Files sent from the disk, in bytes: with base64 they still fit the control API's 1 MiB. */
const FILE_MAX = 700 << 10;

/** @typedef {(message: Record<string, any>) => Promise<void>} Send */

/** @type {Field} */
const DURATION = {
  name: "duration",
  label: "Length in seconds",
  type: "number",
  value: "7",
  more: { min: 1, max: 3600, required: true },
};

/** @param {string} accept @returns {Field} */
const disk = (accept) => ({
  name: "content",
  label: "From your disk (or leave empty for a sample)",
  type: "file",
  more: { accept },
});

/**
 * What the + menu offers.
 * @type {readonly {type: string, label: string, icon: string, fields: Field[]}[]}
 */
export const MEDIA = [
  { type: "image", label: "Picture", icon: "image", fields: [disk("image/*")] },
  { type: "video", label: "Video", icon: "video", fields: [DURATION, disk("video/*")] },
  { type: "audio", label: "Audio", icon: "audio", fields: [DURATION, disk("audio/*")] },
  {
    type: "file",
    label: "File",
    icon: "file",
    fields: [
      { name: "fileName", label: "Name", value: "report.pdf", more: { required: true, maxlength: 200 } },
      { name: "size", label: "Size in bytes", type: "number", value: "2048", more: { min: 1, max: 1e9 } },
      disk(""),
    ],
  },
  {
    type: "location",
    label: "Location",
    icon: "pin",
    fields: [
      { name: "title", label: "Title", value: "Tokyo Tower", more: { maxlength: 100 } },
      { name: "address", label: "Address", value: "4-2-8 Shibakoen, Minato, Tokyo", more: { maxlength: 100 } },
      {
        name: "latitude",
        label: "Latitude",
        type: "number",
        value: "35.6586",
        more: { min: -90, max: 90, step: "any", required: true },
      },
      {
        name: "longitude",
        label: "Longitude",
        type: "number",
        value: "139.7454",
        more: { min: -180, max: 180, step: "any", required: true },
      },
    ],
  },
];

/**
 * Asks for the details of a message other than text, and sends it.
 * @param {string} type a type of MEDIA
 * @param {Send} send
 */
export function askMedia(type, send) {
  const kind = MEDIA.find((m) => m.type === type);
  if (!kind) return;
  ask({
    title: `Send: ${kind.label.toLowerCase()}`,
    fields: kind.fields,
    submit: "Send",
    send: async (values) => {
      const chosen = values.get("content");
      const file = chosen instanceof File && chosen.size > 0 ? chosen : undefined;
      await send(await message(type, values, file));
    },
  });
}

/** @param {string} type @param {FormData} values @param {File|undefined} file @returns {Promise<Record<string, any>>} */
async function message(type, values, file) {
  /** @type {Record<string, any>} */
  const made = { type };
  for (const name of ["title", "address", "fileName"]) if (values.get(name)) made[name] = String(values.get(name));
  for (const name of ["latitude", "longitude", "size"]) if (values.get(name)) made[name] = Number(values.get(name));
  if (values.get("duration")) made.duration = Number(values.get("duration")) * 1000;
  if (!file) return made;
  if (file.size > FILE_MAX)
    throw new Error(
      `The file has ${Math.ceil(file.size / 1024)} KiB; the simulator takes up to ${FILE_MAX / 1024} KiB. Choose a smaller one.`,
    );
  if (type === "file") Object.assign(made, { fileName: file.name, size: file.size });
  made.contentBase64 = await base64(file);
  return made;
}

/** @param {File} file @returns {Promise<string>} */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error("The browser cannot read the file."));
    reader.readAsDataURL(file);
  });
}

/**
 * Asks for the date or time of a datetimepicker action.
 * @param {Record<string, any>} action
 * @param {(params: Record<string, string>) => Promise<void>} send gets the postback's params
 */
export function askTime(action, send) {
  const modes = /** @type {Record<string, "date"|"time"|"datetime-local">} */ ({
    date: "date",
    time: "time",
    datetime: "datetime-local",
  });
  const mode = action.mode in modes ? String(action.mode) : "date";
  const more = { required: true, min: clean(action.min), max: clean(action.max) };
  ask({
    title: String(action.label ?? "Choose"),
    fields: [
      { name: "at", label: mode === "time" ? "Time" : "Date", type: modes[mode], value: clean(action.initial), more },
    ],
    submit: "Send",
    send: (values) => send({ [mode]: String(values.get("at")) }),
  });
}

/** LINE also writes 2026-01-31t00:00. @param {unknown} value */
function clean(value) {
  return typeof value === "string" ? value.replace("t", "T") : undefined;
}
