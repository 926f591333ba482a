package com.spkipinning

import com.facebook.react.BaseReactPackage
import com.facebook.react.bridge.NativeModule
import com.facebook.react.bridge.ReactApplicationContext
import com.facebook.react.module.model.ReactModuleInfo
import com.facebook.react.module.model.ReactModuleInfoProvider

/** Found by React Native's autolinking. */
public class SpkiPinningPackage : BaseReactPackage() {
    override fun getModule(name: String, reactContext: ReactApplicationContext): NativeModule? =
        if (name == NativeSpkiPinningSpec.NAME) SpkiPinningModule(reactContext) else null

    /**
     * React Native asks every package before it makes the first module, so that this is the time to be back in place if the
     * app has set an `OkHttpClientFactory` in `Application.onCreate`: the modules take their clients now, for good.
     */
    override fun getReactModuleInfoProvider(): ReactModuleInfoProvider {
        PinningHooks.assert()
        return ReactModuleInfoProvider { moduleInfos() }
    }

    private fun moduleInfos(): Map<String, ReactModuleInfo> {
        val module = ReactModuleInfo(
            NativeSpkiPinningSpec.NAME,
            SpkiPinningModule::class.java.name,
            canOverrideExistingModule = false,
            needsEagerInit = false,
            isCxxModule = false,
            isTurboModule = true,
        )
        return mapOf(NativeSpkiPinningSpec.NAME to module)
    }
}
