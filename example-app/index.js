import { AppRegistry } from 'react-native';
import { name } from './app.json';
// Missing? `npm run servers` writes it.
import servers from './servers/current.json';
import { App } from './src/App';

AppRegistry.registerComponent(name, () => Example);

function Example() {
  return <App servers={servers} />;
}
