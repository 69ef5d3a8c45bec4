// Prints what every device of zigbee-herdsman-converters can do, as Zigbee2MQTT would say it.
// Argument: a folder with the packages unpacked in node_modules. What they depend on besides
// (serial ports and the like) is not there and is not needed: anything takes its place.
const Module = require("node:module");
const fs = require("node:fs");
const path = require("node:path");

const anything = new Proxy(function () {}, {
    get: (target, key) =>
        key === "prototype" ? target.prototype : key === Symbol.toPrimitive ? () => "" : anything,
    apply: () => anything,
    construct: () => ({}),
});
const load = Module._load;
Module._load = function (name, ...rest) {
    const ours = /^[./]|^node:|^zigbee-herdsman/.test(name) || Module.builtinModules.includes(name);
    return ours ? load.call(this, name, ...rest) : anything;
};

const home = path.join(process.argv[2], "node_modules", "zigbee-herdsman-converters", "dist");
const { prepareDefinition } = require(path.join(home, "index.js"));
const folder = path.join(home, "devices");
const found = [];
for (const file of fs.readdirSync(folder).sort()) {
    if (!file.endsWith(".js") || file === "index.js") continue;
    for (const raw of require(path.join(folder, file)).definitions) {
        const { model, vendor, description, exposes } = prepareDefinition({ ...raw });
        const all = typeof exposes === "function" ? exposes({ isDummyDevice: true }, {}) : exposes;
        found.push({ model, vendor, description, exposes: all });
    }
}
fs.writeFileSync(process.argv[3], JSON.stringify(found));
