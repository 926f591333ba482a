module.exports = require('./lib/expo/plugin.js').withSslPinning;
